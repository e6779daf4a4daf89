/* The Python face of memory.c: `weld_predictor.intake._native`. Its types are in _native.pyi. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <string.h>

#include "memory.h"

enum { MOST_BUFFERS = 6 };

typedef struct {
    PyObject_HEAD
    Memory *memory;
} MemoryObject;

/* Buffers that a call holds, to be given back at its end. */
typedef struct {
    Py_buffer views[MOST_BUFFERS];
    int count;
} Held;

static void give_back(Held *held) {
    while (held->count) PyBuffer_Release(&held->views[--held->count]);
}

/* The view of a C-contiguous buffer whose items are of one of the `formats`, or NULL with an exception set. */
static Py_buffer *hold(Held *held, PyObject *from, const char *formats, int flags, int dimensions, const char *name) {
    Py_buffer *view = &held->views[held->count];
    if (PyObject_GetBuffer(from, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags) < 0) return NULL;
    held->count++;
    const char *format = view->format ? view->format : "B";
    if (!*format || !strchr(formats, format[strlen(format) - 1]) || (format[1] && format[strlen(format) - 1] != 's'))
        return PyErr_Format(PyExc_TypeError, "%s has items of format '%s', not of '%s'", name, format, formats), NULL;
    if (view->ndim != dimensions)
        return PyErr_Format(PyExc_ValueError, "%s must have %d dimensions, not %d", name, dimensions, view->ndim), NULL;
    return view;
}

static int has(const Py_buffer *view, size_t count, const char *name) {
    if ((size_t)view->shape[0] == count) return 1;
    PyErr_Format(PyExc_ValueError, "%s must have %zu items, not %zd", name, count, view->shape[0]);
    return 0;
}

static int read_columns(Policy *policy, PyObject *columns, PyObject *bands) {
    Held held = {.count = 0};
    const Py_buffer *chosen = hold(&held, columns, "i", 0, 1, "columns");
    const Py_buffer *widths = chosen ? hold(&held, bands, "d", 0, 1, "bands") : NULL;
    int done = 0;
    if (widths && chosen->shape[0] > MOST_COLUMNS) {
        PyErr_Format(PyExc_ValueError, "at most %d columns can be chosen", MOST_COLUMNS);
    } else if (widths && has(widths, (size_t)chosen->shape[0], "bands")) {
        policy->column_count = (uint32_t)chosen->shape[0];
        memcpy(policy->columns, chosen->buf, (size_t)chosen->len);
        memcpy(policy->bands, widths->buf, (size_t)widths->len);
        done = 1;
        for (uint32_t i = 0; i < policy->column_count; i++)
            if (policy->columns[i] < 0) done = 0;
        if (!done) PyErr_SetString(PyExc_ValueError, "no column has a number below 0");
    }
    give_back(&held);
    return done;
}

static PyObject *memory_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"most", "seed", "sampling", "every", "silence", "repeat_for", "reject_late", "columns",
                            "bands", NULL};
    unsigned long long most, every, silence, repeat_for;
    const char *seed;
    Py_ssize_t seed_length;
    int sampling;
    Policy policy = {.sampling = ALL};
    PyObject *columns, *bands;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Ky#iKKKpOO", names, &most, &seed, &seed_length, &sampling, &every,
                                     &silence, &repeat_for, &policy.reject_late, &columns, &bands))
        return NULL;
    if (most < 1 || most > MOST_SENSORS) return PyErr_Format(PyExc_ValueError, "most must be 1 to %d", MOST_SENSORS);
    if (sampling < ALL || sampling >= SAMPLINGS) return PyErr_Format(PyExc_ValueError, "there is no sampling %d", sampling);
    if (every < 1 || every > MOST_EVERY) return PyErr_Format(PyExc_ValueError, "every must be 1 to %d", MOST_EVERY);
    if (repeat_for > INT32_MAX) return PyErr_Format(PyExc_ValueError, "repeat_for must be at most %d", INT32_MAX);
    uint64_t words[SEED_WORDS];
    if (seed_length != sizeof words) return PyErr_Format(PyExc_ValueError, "the seed must have %zu bytes", sizeof words);
    memcpy(words, seed, sizeof words);
    policy.sampling = (Sampling)sampling;
    policy.every = (uint32_t)every;
    policy.silence = silence;
    policy.repeat_for = (uint32_t)repeat_for;
    if (!read_columns(&policy, columns, bands)) return NULL;
    MemoryObject *self = (MemoryObject *)PyType_GenericAlloc(type, 0);
    if (!self) return NULL;
    self->memory = memory_make((uint32_t)most, &policy, words);
    if (self->memory) return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void memory_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    memory_free(((MemoryObject *)self)->memory);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int read_sensors(Batch *batch, Held *held, PyObject *sensors) {
    const Py_buffer *view = hold(held, sensors, "qls", PyBUF_ND, 1, "sensors");
    if (!view) return 0;
    batch->count = (size_t)view->shape[0];
    if (batch->count > INT32_MAX) return PyErr_SetString(PyExc_ValueError, "there are too many readings"), 0;
    if (view->format[strlen(view->format) - 1] != 's') {
        if (view->itemsize != sizeof(int64_t)) return PyErr_SetString(PyExc_TypeError, "sensors are no int64"), 0;
        batch->numbers = view->buf;
        return 1;
    }
    batch->names = view->buf;
    batch->name_width = (size_t)view->itemsize;
    if (batch->name_width >= 1 && batch->name_width <= LONGEST_NAME) return 1;
    PyErr_Format(PyExc_ValueError, "names must have 1 to %d bytes", LONGEST_NAME);
    return 0;
}

static int read_batch(Batch *batch, Held *held, PyObject *const *args, int32_t **rows, const MemoryObject *self) {
    if (!read_sensors(batch, held, args[0])) return 0;
    const Py_buffer *times = hold(held, args[1], "ql", PyBUF_ND, 1, "times");
    if (!times || !has(times, batch->count, "times")) return 0;
    if (times->itemsize != sizeof(int64_t)) return PyErr_SetString(PyExc_TypeError, "times are no int64"), 0;
    batch->times = times->buf;
    const Py_buffer *flags = hold(held, args[2], "I", PyBUF_ND | PyBUF_WRITABLE, 1, "flags");
    if (!flags || !has(flags, batch->count, "flags")) return 0;
    batch->flags = flags->buf;
    const Py_buffer *features = hold(held, args[3], "f", PyBUF_ND, 2, "features");
    if (!features || !has(features, batch->count, "features")) return 0;
    batch->features = features->buf;
    batch->features_width = (size_t)features->shape[1];
    if (!memory_takes(self->memory, batch->features_width))
        return PyErr_SetString(PyExc_ValueError, "a chosen column is not among the features"), 0;
    const Py_buffer *wanted = hold(held, args[4], "i", PyBUF_ND | PyBUF_WRITABLE, 1, "rows");
    if (!wanted || !has(wanted, batch->count, "rows")) return 0;
    *rows = wanted->buf;
    if (args[6] == Py_None) return 1;
    const Py_buffer *untimed = hold(held, args[6], "?", PyBUF_ND, 1, "untimed");
    if (!untimed || !has(untimed, batch->count, "untimed")) return 0;
    batch->untimed = untimed->buf;
    return 1;
}

static PyObject *recall(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    if (count != 7) return PyErr_Format(PyExc_TypeError, "recall takes 7 arguments, not %zd", count);
    MemoryObject *self = (MemoryObject *)object;
    Held held = {.count = 0};
    Batch batch = {.count = 0};
    Counts counts;
    int32_t *rows;
    PyObject *answer = NULL;
    unsigned long long now = PyLong_AsUnsignedLongLongMask(args[5]);
    batch.now = (uint32_t)now;
    if (!PyErr_Occurred() && read_batch(&batch, &held, args, &rows, self)) {
        if (memory_recall(self->memory, &batch, rows, &counts))
            answer = Py_BuildValue("(nnnnn)", (Py_ssize_t)counts.scored, (Py_ssize_t)counts.repeated,
                                   (Py_ssize_t)counts.disordered, (Py_ssize_t)counts.carried,
                                   (Py_ssize_t)counts.unremembered);
        else
            PyErr_NoMemory();
    }
    give_back(&held);
    return answer;
}

static PyObject *keep(PyObject *object, PyObject *risks) {
    Memory *memory = ((MemoryObject *)object)->memory;
    Held held = {.count = 0};
    const Py_buffer *view = hold(&held, risks, "f", PyBUF_ND | PyBUF_WRITABLE, 1, "risks");
    int done = view && has(view, memory_pending(memory), "risks");
    if (done) memory_keep(memory, view->buf);
    give_back(&held);
    if (!done) return NULL;
    Py_RETURN_NONE;
}

static PyObject *forget(PyObject *object, PyObject *nothing) {
    (void)nothing;
    memory_forget(((MemoryObject *)object)->memory);
    Py_RETURN_NONE;
}

static PyObject *sensors(PyObject *object, PyObject *nothing) {
    (void)nothing;
    return PyLong_FromSize_t(memory_sensors(((MemoryObject *)object)->memory));
}

static PyObject *forgotten(PyObject *object, PyObject *nothing) {
    (void)nothing;
    return PyLong_FromUnsignedLongLong(memory_forgotten(((MemoryObject *)object)->memory));
}

static PyObject *bytes_at(PyObject *object, PyObject *sensor_count) {
    size_t count = PyLong_AsSize_t(sensor_count);
    if (PyErr_Occurred()) return NULL;
    return PyLong_FromSize_t(memory_bytes(((MemoryObject *)object)->memory, count));
}

static PyMethodDef memory_methods[] = {
    {"recall", (PyCFunction)(void (*)(void))recall, METH_FASTCALL, "What is remembered of the sensors of readings."},
    {"keep", keep, METH_O, "Keep the answers to what was recalled."},
    {"forget", forget, METH_NOARGS, "Leave the memory as it was before the last recall."},
    {"sensors", sensors, METH_NOARGS, "Sensors that are remembered."},
    {"forgotten", forgotten, METH_NOARGS, "Sensors that were forgotten to make room."},
    {"bytes_at", bytes_at, METH_O, "Bytes of what is remembered, at so many sensors."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot memory_slots[] = {
    {Py_tp_new, memory_new},
    {Py_tp_dealloc, memory_dealloc},
    {Py_tp_methods, memory_methods},
    {Py_tp_doc, "What is remembered of each sensor."},
    {0, NULL},
};

static PyType_Spec memory_type = {
    .name = "weld_predictor.intake._native.Memory",
    .basicsize = sizeof(MemoryObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = memory_slots,
};

static int execute(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &memory_type, NULL);
    if (!type) return -1;
    int done = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    if (done < 0) return -1;
    static const struct {
        const char *name;
        int value;
    } numbers[] = {{"TIMES", TIMES},           {"SEED_BYTES", SEED_WORDS * 8},
                   {"MOST_EVERY", MOST_EVERY}, {"MOST_COLUMNS", MOST_COLUMNS},
                   {"NOT_SCORED", NOT_SCORED}, {"LATE", LATE},
                   {"AHEAD", AHEAD},           {"CARRIED", CARRIED},
                   {"FLAG_LIMIT", FLAG_LIMIT}, {"LONGEST_NAME", LONGEST_NAME}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (PyModule_AddIntConstant(module, numbers[i].name, numbers[i].value) < 0) return -1;
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "weld_predictor.intake._native",
    .m_doc = "Remembers sensors, their sampling times and their answers.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
