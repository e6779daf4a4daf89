/* The Python face of kernel.c: `weld_predictor.scoring._native`. Its types are in _native.pyi. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <string.h>

#include "kernel.h"

enum {
    SCORED_AT_ONCE = 64, /* so few readings take less time than another thread may keep the lock */
    MOST_BUFFERS = 16,
};

typedef struct {
    PyObject_HEAD
    Kernel *kernel;
} KernelObject;

/* Buffers that a call holds, to be given back at its end. */
typedef struct {
    Py_buffer views[MOST_BUFFERS];
    int count;
} Held;

static void give_back(Held *held) {
    while (held->count) PyBuffer_Release(&held->views[--held->count]);
}

/* The view of a C-contiguous buffer whose items are of one of the `formats`, or NULL with an exception set. */
static Py_buffer *hold(Held *held, PyObject *from, const char *formats, int flags, const char *name) {
    Py_buffer *view = &held->views[held->count];
    if (PyObject_GetBuffer(from, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags) < 0) return NULL;
    held->count++;
    const char *format = view->format ? view->format : "B";
    if (strlen(format) == 1 && strchr(formats, *format)) return view;
    PyErr_Format(PyExc_TypeError, "%s has items of format '%s', not of '%s'", name, format, formats);
    return NULL;
}

static int hold_reals(Held *held, PyObject *from, const char *name, Reals *into) {
    const Py_buffer *view = from ? hold(held, from, "d", 0, name) : NULL;
    if (view) *into = (Reals){view->buf, (size_t)view->len / sizeof(double)};
    return view || !from;
}

static int hold_integers(Held *held, PyObject *from, const char *name, Integers *into) {
    const Py_buffer *view = from ? hold(held, from, "i", 0, name) : NULL;
    if (view) *into = (Integers){view->buf, (size_t)view->len / sizeof(int32_t)};
    return view || !from;
}

static int hold_bytes(Held *held, PyObject *from, const char *name, Bytes *into) {
    const Py_buffer *view = from ? hold(held, from, "B", 0, name) : NULL;
    if (view) *into = (Bytes){view->buf, (size_t)view->len};
    return view || !from;
}

static PyObject *kernel_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"kind",       "features",      "scaling",     "narrow",      "takes_nan",
                            "takes_infinite", "start",     "divisor",     "link",        "values",
                            "columns",    "sets",          "cut_starts",  "cuts",        "tree_starts",
                            "value_starts", "node_column", "node_left",   "node_right",  "node_bound",
                            "node_threshold", NULL};
    PyObject *scaling, *values, *columns = NULL, *sets = NULL, *cut_starts = NULL, *cuts = NULL, *tree_starts = NULL;
    PyObject *value_starts = NULL, *node_column = NULL, *node_left = NULL, *node_right = NULL, *node_bound = NULL;
    PyObject *node_threshold = NULL;
    Description from = {0};
    int kind;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iiOpppddiO|$OOOOOOOOOOO", names, &kind, &from.features, &scaling,
                                     &from.narrow, &from.takes_nan, &from.takes_infinite, &from.start, &from.divisor,
                                     &from.link, &values, &columns, &sets, &cut_starts, &cuts, &tree_starts,
                                     &value_starts, &node_column, &node_left, &node_right, &node_bound,
                                     &node_threshold))
        return NULL;
    if (kind < SWEEP || kind > LINEAR) return PyErr_Format(PyExc_ValueError, "there is no kind %d", kind);
    from.kind = (Kind)kind;
    Held held = {.count = 0};
    Kernel *kernel = NULL;
    const char *fault = NULL;
    if (hold_reals(&held, scaling, "scaling", &from.scaling) && hold_reals(&held, values, "values", &from.values) &&
        hold_integers(&held, columns, "columns", &from.columns) && hold_bytes(&held, sets, "sets", &from.sets) &&
        hold_integers(&held, cut_starts, "cut_starts", &from.cut_starts) && hold_reals(&held, cuts, "cuts", &from.cuts) &&
        hold_integers(&held, tree_starts, "tree_starts", &from.tree_starts) &&
        hold_integers(&held, value_starts, "value_starts", &from.value_starts) &&
        hold_integers(&held, node_column, "node_column", &from.node_column) &&
        hold_integers(&held, node_left, "node_left", &from.node_left) &&
        hold_integers(&held, node_right, "node_right", &from.node_right) &&
        hold_integers(&held, node_bound, "node_bound", &from.node_bound) &&
        hold_reals(&held, node_threshold, "node_threshold", &from.node_threshold)) {
        kernel = kernel_make(&from, &fault);
        if (!kernel) PyErr_SetString(PyExc_ValueError, fault);
    }
    give_back(&held);
    if (!kernel) return NULL;
    KernelObject *self = (KernelObject *)PyType_GenericAlloc(type, 0);
    if (self)
        self->kernel = kernel;
    else
        kernel_free(kernel);
    return (PyObject *)self;
}

static void kernel_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    kernel_free(((KernelObject *)self)->kernel);
    PyObject_Free(self);
    Py_DECREF(type);
}

static Outcome score_view(const Kernel *kernel, const Py_buffer *readings, size_t rows, double *risks) {
    if (*readings->format == 'f') return kernel_score_float(kernel, readings->buf, rows, risks);
    return kernel_score_double(kernel, readings->buf, rows, risks);
}

static PyObject *score_held(const Kernel *kernel, Held *held, PyObject *readings, PyObject *risks) {
    const Py_buffer *in = hold(held, readings, "fd", PyBUF_ND, "readings");
    const Py_buffer *out = in ? hold(held, risks, "d", PyBUF_WRITABLE | PyBUF_ND, "risks") : NULL;
    if (!out) return NULL;
    if (in->ndim != 2 || in->shape[1] != kernel_features(kernel))
        return PyErr_Format(PyExc_ValueError, "readings must be [N, %d]", (int)kernel_features(kernel));
    if (out->ndim != 1 || out->shape[0] != in->shape[0])
        return PyErr_Format(PyExc_ValueError, "risks must be [%zd], as many as the readings", in->shape[0]);
    Outcome outcome;
    size_t rows = (size_t)in->shape[0];
    if (rows <= SCORED_AT_ONCE) {
        outcome = score_view(kernel, in, rows, out->buf);
    } else {
        Py_BEGIN_ALLOW_THREADS
        outcome = score_view(kernel, in, rows, out->buf);
        Py_END_ALLOW_THREADS
    }
    if (outcome == NO_MEMORY) return PyErr_NoMemory();
    return PyBool_FromLong(outcome == SCORED);
}

static PyObject *kernel_score(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "score takes readings and risks, not %zd arguments", count);
    Held held = {.count = 0};
    PyObject *answer = score_held(((KernelObject *)self)->kernel, &held, args[0], args[1]);
    give_back(&held);
    return answer;
}

static PyMethodDef kernel_methods[] = {
    {"score", (PyCFunction)(void (*)(void))kernel_score, METH_FASTCALL, "Risks of readings; whether they were taken."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot kernel_slots[] = {
    {Py_tp_new, kernel_new},
    {Py_tp_dealloc, kernel_dealloc},
    {Py_tp_methods, kernel_methods},
    {Py_tp_doc, "An estimator in compiled form."},
    {0, NULL},
};

static PyType_Spec kernel_type = {
    .name = "weld_predictor.scoring._native.Kernel",
    .basicsize = sizeof(KernelObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = kernel_slots,
};

static int execute(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &kernel_type, NULL);
    if (!type) return -1;
    int done = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    if (done < 0) return -1;
    static const struct {
        const char *name;
        int value;
    } numbers[] = {{"SWEEP", SWEEP},       {"WALK", WALK},
                   {"LINEAR", LINEAR},     {"IDENTITY", IDENTITY},
                   {"EXPIT", EXPIT},       {"EXPIT_OF_TWICE", EXPIT_OF_TWICE},
                   {"MOST_LEAVES", MOST_LEAVES}, {"MOST_COLUMNS", MOST_COLUMNS}, {"MOST_FEATURES", MOST_FEATURES}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (PyModule_AddIntConstant(module, numbers[i].name, numbers[i].value) < 0) return -1;
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "weld_predictor.scoring._native",
    .m_doc = "Scores readings by tree ensembles and linear models.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
