/* A client of one server: so many connections on which requests follow upon answers, or come when they are due.
 *
 * Prints one JSON object on its standard output. Times of an open loop count from when a request was due, whether or not
 * there was a connection for it: what the server's pauses keep from being sent is waited for all the same.
 */
#define _GNU_SOURCE
#include "connection.h"
#include "histogram.h"
#include "schedule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, READ_SIZE = 1 << 18, STATUSES = 600, MOST_RECONNECTIONS = 100000 };
static const int64_t MILLISECOND = 1000000, SECOND = 1000000000;

static Plan plan;
static Connection *connections;
static Connection **idle;
static int idle_count;
static int poller, timer;
static int64_t started, opened, measured_from, measured_to, wall_offset;

static struct {
    int port, connections;
    double seconds, warmup, drain, late_ms, slot_ms;
    int64_t sensors, first_sensor;
    int open_loop, by_end;
    Schedule schedule;
} options = {
    .connections = 1, .seconds = 1, .warmup = 0, .drain = 5, .late_ms = 100, .slot_ms = 100, .sensors = 10000,
    .schedule = {.tick = 100000000, .gateways = 100, .random = 88172645463325252ull},
};

static struct {
    uint64_t sent, right, wrong, broken, lost, late, statuses[STATUSES], reconnections, longest_queue;
    Histogram due, sent_at, refusals, refusals_due;
    uint64_t *slots, slot_count;
} found;

/* Open loop: arrivals that wait for a connection, in a ring. */
static struct {
    Arrival *ring;
    size_t capacity, first, count;
} queue;

static int64_t *last_times; /* by block, so that no sensor says the same time twice */
static int64_t block_count;
static int64_t *turns; /* closed loop: requests of each connection so far */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

void buffer_reserve(Buffer *buffer, size_t more)
{
    if (buffer->start == buffer->stop)
        buffer->start = buffer->stop = 0;
    if (buffer->stop + more <= buffer->capacity)
        return;
    memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->stop - buffer->start);
    buffer->stop -= buffer->start;
    buffer->start = 0;
    if (buffer->stop + more > buffer->capacity) {
        buffer->capacity = (buffer->stop + more) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
        if (!buffer->bytes)
            fail("memory");
    }
}

void buffer_append(Buffer *buffer, const void *bytes, size_t length)
{
    buffer_reserve(buffer, length);
    if (length)
        memcpy(buffer->bytes + buffer->stop, bytes, length);
    buffer->stop += length;
}

static void watch(Connection *connection, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (connection->wants_to_write ? (uint32_t)EPOLLOUT : 0), .data.ptr = connection,
    };
    if (epoll_ctl(poller, operation, connection->socket, &event))
        fail("epoll_ctl");
}

static void connect_to_server(Connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&address, sizeof address))
        fail("connect");
    int one = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    connection->in.start = connection->in.stop = connection->out.start = connection->out.stop = 0;
    connection->is_busy = connection->wants_to_write = connection->must_close = 0;
    connection->head_length = 0;
    if (plan.protocol == GRPC)
        grpc_open(connection);
    watch(connection, EPOLL_CTL_ADD);
}

static void reconnect(Connection *connection)
{
    close(connection->socket);
    if (++found.reconnections > MOST_RECONNECTIONS) {
        fprintf(stderr, "the server closed %d connections\n", MOST_RECONNECTIONS);
        exit(1);
    }
    connect_to_server(connection);
}

/* Writes what it can; 0 if the connection is broken. */
static int flush(Connection *connection)
{
    Buffer *out = &connection->out;
    while (out->start < out->stop) {
        ssize_t written = send(connection->socket, out->bytes + out->start, out->stop - out->start, MSG_NOSIGNAL);
        if (written < 0) {
            if (errno != EAGAIN)
                return 0;
            break;
        }
        out->start += (size_t)written;
    }
    int wants = out->start < out->stop;
    if (wants != connection->wants_to_write) {
        connection->wants_to_write = wants;
        watch(connection, EPOLL_CTL_MOD);
    }
    return 1;
}

/* The request of a block of sensors, with their numbers and sampling times in it. */
static void load_request(Connection *connection, int64_t block, int64_t milliseconds)
{
    const Template *template = &plan.templates[block % plan.template_count];
    if (connection->loaded != template) {
        connection->request = realloc(connection->request, (size_t)template->length);
        memcpy(connection->request, template->bytes, (size_t)template->length);
        connection->loaded = template;
    }
    connection->template = template;
    if (template->sensors_at >= 0) {
        uint8_t *place = connection->request + template->sensors_at;
        int64_t first = options.first_sensor + block * plan.readings;
        for (int64_t reading = 0; reading < plan.readings; reading++) {
            int64_t sensor = first + reading;
            memcpy(place + reading * 8, &sensor, sizeof sensor);
        }
    }
    if (template->times_at >= 0) {
        uint8_t *place = connection->request + template->times_at;
        for (int64_t reading = 0; reading < plan.readings; reading++)
            memcpy(place + reading * 8, &milliseconds, sizeof milliseconds);
    }
}

static void finish(Connection *connection, int is_answered);

static void send_request(Connection *connection, Arrival arrival)
{
    int64_t now = now_ns(), milliseconds;
    if (arrival.sampled_at >= 0) {
        milliseconds = (opened + arrival.sampled_at + wall_offset) / MILLISECOND;
    } else {
        milliseconds = (now + wall_offset) / MILLISECOND;
        if (milliseconds <= last_times[arrival.block])
            milliseconds = last_times[arrival.block] + 1;
        last_times[arrival.block] = milliseconds;
    }
    load_request(connection, arrival.block, milliseconds);
    connection->is_busy = 1;
    connection->sent = now;
    connection->due = options.open_loop ? opened + arrival.due : now;
    if (plan.protocol == GRPC)
        grpc_send(connection, &plan);
    else
        http1_send(connection);
    found.sent += connection->due >= measured_from;
    if (!flush(connection))
        finish(connection, 0);
}

static void send_next(Connection *connection)
{
    int64_t now = now_ns();
    if (options.open_loop) {
        if (queue.count) {
            Arrival arrival = queue.ring[queue.first];
            queue.first = (queue.first + 1) % queue.capacity;
            queue.count--;
            send_request(connection, arrival);
        } else {
            idle[idle_count++] = connection;
        }
    } else if (now < measured_to) {
        int64_t turn = turns[connection->number]++;
        send_request(connection, (Arrival){0, (connection->number + turn * options.connections) % block_count, -1});
    } else {
        idle[idle_count++] = connection;
    }
}

static void count(Connection *connection, int is_answered)
{
    int64_t now = now_ns();
    /* A closed loop is measured by when answers came, an open one by when requests were due: unless told otherwise, as
     * where most of what is due is never sent. */
    int64_t decisive = options.open_loop && !options.by_end ? connection->due : now;
    if (decisive < measured_from || decisive >= measured_to)
        return;
    if (!is_answered) {
        found.broken++;
        return;
    }
    int status = connection->status >= 0 && connection->status < STATUSES ? connection->status : 0;
    found.statuses[status]++;
    if (status != 200) {
        histogram_add(&found.refusals, now - connection->sent);
        histogram_add(&found.refusals_due, now - connection->due);
        return;
    }
    if (!plan_is_right(&plan, connection->template, connection->answer, connection->answer_length)) {
        found.wrong++;
        return;
    }
    found.right++;
    histogram_add(&found.due, now - connection->due);
    histogram_add(&found.sent_at, now - connection->sent);
    found.late += (double)(now - (options.by_end ? connection->sent : connection->due)) > options.late_ms * 1e6;
    uint64_t slot = (uint64_t)((double)(now - measured_from) / (options.slot_ms * 1e6));
    if (slot < found.slot_count)
        found.slots[slot]++;
}

static void finish(Connection *connection, int is_answered)
{
    count(connection, is_answered);
    connection->is_busy = 0;
    connection->head_length = 0;
    if (!is_answered || connection->must_close)
        reconnect(connection);
    send_next(connection);
}

static void receive(Connection *connection)
{
    Buffer *in = &connection->in;
    for (;;) {
        buffer_reserve(in, READ_SIZE / 16);
        size_t room = in->capacity - in->stop;
        ssize_t length = recv(connection->socket, in->bytes + in->stop, room, 0);
        if (length < 0 && errno == EAGAIN)
            return;
        if (length <= 0) {
            if (connection->is_busy)
                finish(connection, 0);
            else
                reconnect(connection);
            return;
        }
        in->stop += (size_t)length;
        if (!connection->is_busy && plan.protocol == HTTP1) {
            reconnect(connection);
            return;
        }
        enum Progress progress = plan.protocol == GRPC ? grpc_receive(connection) : http1_receive(connection);
        if (progress == WAITING && !flush(connection))
            progress = FAILED;
        if (progress != WAITING) {
            finish(connection, progress == ANSWERED);
            return;
        }
        if ((size_t)length < room)
            return;
    }
}

static void enqueue(Arrival arrival)
{
    if (queue.count == queue.capacity) {
        size_t capacity = queue.capacity ? queue.capacity * 2 : 1024;
        Arrival *ring = malloc(capacity * sizeof *ring);
        for (size_t index = 0; index < queue.count; index++)
            ring[index] = queue.ring[(queue.first + index) % queue.capacity];
        free(queue.ring);
        queue.ring = ring;
        queue.capacity = capacity;
        queue.first = 0;
    }
    queue.ring[(queue.first + queue.count++) % queue.capacity] = arrival;
    if (queue.count > found.longest_queue)
        found.longest_queue = queue.count;
}

/* Sends what has become due, and sets the timer for what comes next. */
static void keep_schedule(void)
{
    Schedule *schedule = &options.schedule;
    int64_t now = now_ns();
    while (opened + schedule->next.due <= now && opened + schedule->next.due < measured_to) {
        if (idle_count)
            send_request(idle[--idle_count], schedule->next);
        else
            enqueue(schedule->next);
        schedule_advance(schedule);
        now = now_ns();
    }
    int64_t next = opened + schedule->next.due;
    struct itimerspec when = {.it_value = {next / SECOND, next % SECOND}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int is_over(int64_t now)
{
    if (now < measured_to)
        return 0;
    return (idle_count == options.connections && !queue.count) || now > measured_to + (int64_t)(options.drain * 1e9);
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    for (int index = 0; index < options.connections; index++)
        if (options.open_loop)
            idle[idle_count++] = &connections[index];
        else
            send_next(&connections[index]);
    if (options.open_loop)
        keep_schedule();
    while (!is_over(now_ns())) {
        int ready = epoll_wait(poller, events, EVENTS, 20);
        for (int index = 0; index < ready; index++) {
            Connection *connection = events[index].data.ptr;
            if (!connection) {
                uint64_t expired;
                (void)!read(timer, &expired, sizeof expired);
                keep_schedule();
                continue;
            }
            if (events[index].events & EPOLLOUT && !flush(connection)) {
                if (connection->is_busy)
                    finish(connection, 0);
                else
                    reconnect(connection);
                continue;
            }
            if (events[index].events & ~(uint32_t)EPOLLOUT)
                receive(connection);
        }
    }
}

static void count_lost(void)
{
    for (int index = 0; index < options.connections; index++)
        if (connections[index].is_busy && (!options.open_loop || connections[index].due >= measured_from))
            found.lost++;
    for (size_t index = 0; index < queue.count; index++)
        found.lost += opened + queue.ring[(queue.first + index) % queue.capacity].due >= measured_from;
}

static void report(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double processor = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\": %.3f, \"began_at\": %.6f, ", options.seconds, (double)measured_from / 1e9);
    printf("\"readings\": %lld, \"sent\": %llu, \"right\": %llu, \"wrong\": %llu, \"broken\": %llu, \"lost\": %llu, ",
           (long long)plan.readings, (unsigned long long)found.sent, (unsigned long long)found.right,
           (unsigned long long)found.wrong, (unsigned long long)found.broken, (unsigned long long)found.lost);
    printf("\"late\": %llu, \"reconnections\": %llu, \"longest_queue\": %llu, \"processor_s\": %.3f, \"statuses\": {",
           (unsigned long long)found.late, (unsigned long long)found.reconnections,
           (unsigned long long)found.longest_queue, processor);
    const char *comma = "";
    for (int status = 0; status < STATUSES; status++)
        if (found.statuses[status]) {
            printf("%s\"%d\": %llu", comma, status, (unsigned long long)found.statuses[status]);
            comma = ", ";
        }
    printf("}, ");
    histogram_print(&found.due, "latency", stdout);
    printf(", ");
    histogram_print(&found.sent_at, "latency_from_sending", stdout);
    printf(", ");
    histogram_print(&found.refusals, "refusals", stdout);
    printf(", ");
    histogram_print(&found.refusals_due, "refusals_from_due", stdout);
    printf(", \"slot_ms\": %.3f, \"slots\": [", options.slot_ms);
    for (uint64_t slot = 0; slot < found.slot_count; slot++)
        printf("%s%llu", slot ? ", " : "", (unsigned long long)found.slots[slot]);
    printf("]}\n");
}

static const char *parse(int count_of, char **arguments)
{
    static const struct option NAMES[] = {
        {"port", 1, 0, 'p'},       {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'}, {"warmup", 1, 0, 'w'},
        {"rate", 1, 0, 'r'},       {"tick-ms", 1, 0, 't'},     {"gateways", 1, 0, 'g'}, {"delay-ms", 1, 0, 'd'},
        {"jitter-ms", 1, 0, 'j'},  {"late-ms", 1, 0, 'l'},     {"slot-ms", 1, 0, 'o'}, {"sensors", 1, 0, 'n'},
        {"first-sensor", 1, 0, 'f'}, {"seed", 1, 0, 'e'},      {"drain", 1, 0, 'a'},   {"by-end", 1, 0, 'b'},
        {0, 0, 0, 0},
    };
    Schedule *schedule = &options.schedule;
    for (int name; (name = getopt_long(count_of, arguments, "", NAMES, NULL)) != -1;) {
        double value = optarg ? atof(optarg) : 0;
        switch (name) {
        case 'p': options.port = (int)value; break;
        case 'c': options.connections = (int)value; break;
        case 's': options.seconds = value; break;
        case 'w': options.warmup = value; break;
        case 'r': schedule->rate = value; options.open_loop = 1; break;
        case 't': schedule->tick = (int64_t)(value * 1e6); options.open_loop = 1; break;
        case 'g': schedule->gateways = (int64_t)value; break;
        case 'd': schedule->delay = value * 1e6; break;
        case 'j': schedule->jitter = value * 1e6; break;
        case 'l': options.late_ms = value; break;
        case 'o': options.slot_ms = value; break;
        case 'n': options.sensors = (int64_t)value; break;
        case 'f': options.first_sensor = (int64_t)value; break;
        case 'e': schedule->random ^= (uint64_t)value * 0x9e3779b97f4a7c15ull; break;
        case 'a': options.drain = value; break;
        case 'b': options.by_end = value != 0; break;
        default: exit(2);
        }
    }
    if (optind != count_of - 1 || !options.port) {
        fprintf(stderr, "usage: load --port=PORT [--connections=N] ... PLAN\n");
        exit(2);
    }
    return arguments[optind];
}

int main(int count_of, char **arguments)
{
    plan = plan_read(parse(count_of, arguments));
    Schedule *schedule = &options.schedule;
    /* Whole rounds of the connections, so that no sensor is under way twice. */
    block_count = options.sensors / plan.readings / options.connections * options.connections;
    if (block_count < options.connections)
        block_count = options.connections;
    if (options.open_loop && schedule->rate <= 0 && block_count < schedule->gateways)
        block_count = schedule->gateways;
    schedule->blocks = block_count;
    last_times = calloc((size_t)block_count, sizeof *last_times);
    connections = calloc((size_t)options.connections, sizeof *connections);
    idle = calloc((size_t)options.connections, sizeof(Connection *));
    turns = calloc((size_t)options.connections, sizeof *turns);
    found.slot_count = (uint64_t)(options.seconds * 1000 / options.slot_ms) + 1;
    found.slots = calloc(found.slot_count, sizeof *found.slots);
    poller = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
    for (int index = 0; index < options.connections; index++) {
        connections[index].number = index;
        connect_to_server(&connections[index]);
    }
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    started = now_ns();
    wall_offset = wall.tv_sec * SECOND + wall.tv_nsec - started;
    opened = started + 10 * MILLISECOND;
    measured_from = opened + (int64_t)(options.warmup * 1e9);
    measured_to = measured_from + (int64_t)(options.seconds * 1e9);
    if (options.open_loop)
        schedule_begin(schedule);
    run();
    count_lost();
    report();
    return 0;
}
