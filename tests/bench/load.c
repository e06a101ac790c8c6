/* load: a closed-loop load generator, one request in flight per connection.
 *
 *   load http HOST PORT WARMUP_S SECONDS        < plan    HTTP/1.1 keep-alive, one TCP connection per request
 *   load pipe WARMUP_S SECONDS COMMAND [ARG...] < plan    a stdio server: all requests share its two pipes
 *
 * plan = preface, needle, then one request per connection, each as "<length>\n<bytes>", then "end\n". The preface is
 * what a pipe gets first (the handshake); HTTP ignores it. Every MARK in a request and in the needle becomes a number
 * unique to the request, so an answer is correct only if it is a 2xx (HTTP) and holds the needle of its own request.
 * The warm-up begins with the first answer. On stderr: "recording" when it is over, "stopped" at the end; the runner
 * then reads its clocks and closes stdin, which ends the generator. On stdout: one JSON object.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK "@@@@@@@@@@"
#define DIGITS 10
#define MARKS 8
#define MAX_SLOTS 4096
#define MAX_SAMPLES (1 << 22)
#define READ_SIZE 65536
#define PATIENCE 20000000000ull /* ns until the first answer */

enum { TO_CLOSE = -2, CHUNKED = -1 };

typedef struct {
    char *data;
    size_t size, at[MARKS];
    int marks;
} Text;

typedef struct {
    char *data;
    size_t used, room;
} Buffer;

typedef struct {
    Text request, needle;
    int fd, waiting, status, closing;
    size_t sent, head, scan; /* head: bytes before the body, 0 while unknown; scan: where the next chunk size stands */
    long length;             /* of the body, or CHUNKED, or TO_CLOSE */
    Buffer in;
    uint64_t number, began;
} Slot;

static Slot slots[MAX_SLOTS];
static int count, epoll, heard, recording, stopping;
static struct sockaddr_in peer;
static uint64_t number = 1000000000, ended;
static uint32_t *samples;
static size_t sampled;
static uint64_t answered, correct, bad_status, bad_body, broken, received;
static char first_bad[400];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static Text read_text(FILE *in) {
    Text t = {0};
    if (fscanf(in, "%zu", &t.size) != 1 || fgetc(in) != '\n') return t;
    t.data = malloc(t.size + 1);
    if (fread(t.data, 1, t.size, in) != t.size) die("plan");
    t.data[t.size] = 0;
    for (char *p = t.data; t.marks < MARKS && (p = memmem(p, t.size - (p - t.data), MARK, DIGITS)); p += DIGITS)
        t.at[t.marks++] = p - t.data;
    return t;
}

static void read_plan(Text *preface) {
    *preface = read_text(stdin);
    Text needle = read_text(stdin);
    while (count < MAX_SLOTS && (slots[count].request = read_text(stdin)).data) {
        slots[count].needle = needle;
        slots[count].needle.data = strdup(needle.data);
        slots[count++].fd = -1;
    }
    if (!count) fprintf(stderr, "the plan has no request\n"), exit(2);
}

static void stamp(Text *t, uint64_t value) {
    char digits[DIGITS + 1];
    snprintf(digits, sizeof digits, "%010llu", (unsigned long long)value);
    for (int i = 0; i < t->marks; i++) memcpy(t->data + t->at[i], digits, DIGITS);
}

static void grow(Buffer *b, size_t more) {
    if (b->used + more <= b->room) return;
    b->room = b->used + more + 4 * READ_SIZE;
    if (!(b->data = realloc(b->data, b->room))) die("memory");
}

static void begin(Slot *s) {
    s->number = ++number;
    stamp(&s->request, s->number);
    stamp(&s->needle, s->number);
    s->sent = s->head = s->scan = s->in.used = 0;
    s->waiting = 1;
    s->began = now();
}

/* Counts the answer to a slot's request; only a correct one has a latency. */
static void settle(Slot *s, int whole, const char *body, size_t size) {
    uint64_t took = now() - s->began;
    s->waiting = 0;
    heard = 1;
    if (!recording) return;
    answered++;
    if (whole && s->status >= 200 && s->status < 300 && memmem(body, size, s->needle.data, s->needle.size)) {
        correct++;
        if (sampled < MAX_SAMPLES) samples[sampled++] = took / 1000;
        return;
    }
    if (!whole) broken++;
    else if (s->status < 200 || s->status > 299) bad_status++;
    else bad_body++;
    if (first_bad[0]) return;
    for (size_t i = 0; i < size && i < sizeof first_bad - 1; i++) {
        unsigned char b = body[i];
        first_bad[i] = b < 32 || b > 126 ? ' ' : b == '"' || b == '\\' ? '\'' : b;
    }
}

/* --- HTTP ------------------------------------------------------------------------------------------------------- */

static void send_rest(Slot *s) {
    while (s->waiting && s->sent < s->request.size) {
        ssize_t n = send(s->fd, s->request.data + s->sent, s->request.size - s->sent, MSG_NOSIGNAL);
        if (n < 0) return; /* EAGAIN: EPOLLOUT follows; an error shows up on recv */
        s->sent += n;
    }
}

static void next_on(Slot *s) {
    if (stopping) return;
    begin(s);
    send_rest(s);
}

static void open_slot(Slot *s) {
    if (s->fd >= 0) close(s->fd);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s->fd, (struct sockaddr *)&peer, sizeof peer)) die("connect");
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    int one = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &e);
    next_on(s);
}

static int parse_head(Slot *s) {
    char *start = s->in.data, *end = memmem(start, s->in.used, "\r\n\r\n", 4);
    if (!end) return 0;
    s->head = s->scan = end + 4 - start;
    s->status = atoi(start + 9);
    s->length = s->status == 204 || s->status == 304 ? 0 : TO_CLOSE;
    s->closing = 0;
    for (char *line = strstr(start, "\r\n") + 2; line < end; line = strstr(line, "\r\n") + 2) {
        if (!strncasecmp(line, "content-length:", 15)) s->length = atol(line + 15);
        else if (!strncasecmp(line, "transfer-encoding: chunked", 26)) s->length = CHUNKED;
        else if (!strncasecmp(line, "connection: close", 17)) s->closing = 1;
    }
    s->closing |= s->length == TO_CLOSE;
    return 1;
}

static int is_whole(Slot *s) {
    if (!s->head && !parse_head(s)) return 0;
    if (s->length >= 0) return s->in.used >= s->head + s->length;
    if (s->length == TO_CLOSE) return 0;
    for (;;) {
        char *line = memmem(s->in.data + s->scan, s->in.used - s->scan, "\r\n", 2);
        if (!line) return 0;
        size_t size = strtoul(s->in.data + s->scan, NULL, 16), next = line + 2 - s->in.data + size + 2;
        if (s->in.used < next) return 0;
        if (!size) return 1;
        s->scan = next;
    }
}

static void http_readable(Slot *s) {
    for (;;) {
        grow(&s->in, READ_SIZE + 1);
        ssize_t n = recv(s->fd, s->in.data + s->in.used, READ_SIZE, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n > 0) {
            s->in.data[s->in.used += n] = 0;
            received += recording ? n : 0;
            if (!s->waiting || !is_whole(s)) continue;
            settle(s, 1, s->in.data + s->head, s->in.used - s->head);
            if (!s->closing) {
                next_on(s);
                continue;
            }
        } else {
            if (s->waiting) settle(s, s->head && s->length == TO_CLOSE, s->in.data + s->head, s->in.used - s->head);
            usleep(500); /* a peer that refuses every connection must not be hammered */
        }
        if (!stopping) open_slot(s);
        return;
    }
}

/* --- a pipe ----------------------------------------------------------------------------------------------------- */

static int to_child, from_child;
static Buffer out, lines;

static void write_out(void) {
    ssize_t n = out.used ? write(to_child, out.data, out.used) : 0;
    if (n > 0) memmove(out.data, out.data + n, out.used -= n);
}

static void queue(const char *data, size_t size) {
    grow(&out, size);
    memcpy(out.data + out.used, data, size);
    out.used += size;
}

static void ask(Slot *s) {
    begin(s);
    s->status = 200;
    queue(s->request.data, s->request.size);
}

static void take_line(const char *line, size_t size) {
    char *ident = memmem(line, size, "\"id\":", 5);
    uint64_t value = ident ? strtoull(ident + 5, NULL, 10) : 0;
    for (int i = 0; i < count; i++) {
        if (!slots[i].waiting || slots[i].number != value) continue;
        settle(&slots[i], 1, line, size);
        if (!stopping) ask(&slots[i]);
        return;
    }
}

static void pipe_readable(void) {
    for (;;) {
        grow(&lines, READ_SIZE + 1);
        ssize_t n = read(from_child, lines.data + lines.used, READ_SIZE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (n <= 0) fprintf(stderr, "the server ended\n"), exit(1);
        lines.used += n;
        received += recording ? n : 0;
        size_t start = 0;
        for (char *end; (end = memchr(lines.data + start, '\n', lines.used - start)); start = end + 1 - lines.data)
            take_line(lines.data + start, end - lines.data - start);
        memmove(lines.data, lines.data + start, lines.used -= start);
    }
    write_out();
}

static pid_t spawn(char **command) {
    int in[2], back[2];
    if (pipe(in) || pipe(back)) die("pipe");
    pid_t child = fork();
    if (!child) {
        dup2(in[0], 0), dup2(back[1], 1);
        close(in[0]), close(in[1]), close(back[0]), close(back[1]);
        execvp(*command, command);
        die(*command);
    }
    close(in[0]), close(back[1]);
    to_child = in[1], from_child = back[0];
    fcntl(to_child, F_SETFL, O_NONBLOCK), fcntl(from_child, F_SETFL, O_NONBLOCK);
    struct epoll_event read_end = {.events = EPOLLIN, .data.ptr = &from_child};
    struct epoll_event write_end = {.events = EPOLLOUT | EPOLLET, .data.ptr = &to_child};
    epoll_ctl(epoll, EPOLL_CTL_ADD, from_child, &read_end);
    epoll_ctl(epoll, EPOLL_CTL_ADD, to_child, &write_end);
    return child;
}

/* --- the run ---------------------------------------------------------------------------------------------------- */

static void dispatch(struct epoll_event *e) {
    if (e->data.ptr == &to_child) write_out();
    else if (e->data.ptr == &from_child) pipe_readable();
    else {
        if (e->events & EPOLLOUT) send_rest(e->data.ptr);
        if (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) http_readable(e->data.ptr);
    }
}

static double run(uint64_t warm, uint64_t length) {
    struct epoll_event events[256];
    uint64_t began = now(), start = began, end = began;
    while (!stopping) {
        int n = epoll_wait(epoll, events, 256, 20);
        end = now();
        if (!heard && end - began < PATIENCE) start = end; /* a server may still be starting */
        if (!recording && end - start >= warm) {
            recording = 1;
            start = end;
            fprintf(stderr, "recording\n"); /* the runner reads the CPU clocks on this line */
        }
        if (recording && end - start >= length) stopping = 1;
        for (int i = 0; i < n && !stopping; i++) dispatch(&events[i]);
    }
    fprintf(stderr, "stopped\n");
    ended = end;
    while (getchar() != EOF) continue;
    return (end - start) / 1e9;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(double q) {
    return sampled ? samples[(size_t)(q * (sampled - 1))] / 1000.0 : 0;
}

static void report(double seconds) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    uint64_t waiting = 0, oldest = 0;
    for (int i = 0; i < count; i++) {
        if (!slots[i].waiting) continue;
        waiting++;
        if (ended > slots[i].began + oldest) oldest = ended - slots[i].began;
    }
    qsort(samples, sampled, sizeof *samples, ascending);
    printf("{\"seconds\":%.3f,\"answered\":%llu,\"ok\":%llu,\"rps\":%.1f,\"bad_status\":%llu,\"bad_body\":%llu,"
           "\"broken\":%llu,\"waiting\":%llu,\"oldest_ms\":%.3f,\"p50_ms\":%.3f,\"p90_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"max_ms\":%.3f,\"bytes\":%llu,\"client_cpu_s\":%.2f,\"first_bad\":\"%s\"}\n",
           seconds, (unsigned long long)answered, (unsigned long long)correct, correct / seconds,
           (unsigned long long)bad_status, (unsigned long long)bad_body, (unsigned long long)broken,
           (unsigned long long)waiting, oldest / 1e6, quantile(.5), quantile(.9), quantile(.99), quantile(1),
           (unsigned long long)received, cpu, first_bad);
}

int main(int argc, char **argv) {
    int http = argc == 6 && !strcmp(argv[1], "http");
    if (!http && (argc < 5 || strcmp(argv[1], "pipe")))
        return fprintf(stderr, "usage: load http HOST PORT WARMUP SECONDS | load pipe WARMUP SECONDS COMMAND...\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    char **times = argv + (http ? 4 : 2);
    samples = malloc(MAX_SAMPLES * sizeof *samples);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    Text preface;
    read_plan(&preface);
    pid_t child = 0;
    if (http) {
        peer.sin_family = AF_INET;
        peer.sin_port = htons(atoi(argv[3]));
        if (inet_pton(AF_INET, argv[2], &peer.sin_addr) != 1) die("host (want an IPv4 address)");
        for (int i = 0; i < count; i++) open_slot(&slots[i]);
    } else {
        child = spawn(argv + 4);
        queue(preface.data, preface.size);
        for (int i = 0; i < count; i++) ask(&slots[i]);
    }
    report(run(atof(times[0]) * 1e9, atof(times[1]) * 1e9));
    if (child) {
        close(to_child);
        kill(child, SIGTERM);
        waitpid(child, NULL, 0);
    }
    return 0;
}
