#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

long long clinux_clock_error_bound(void) {
    struct timex state = {0};
    if (adjtimex(&state) < 0 || (state.status & STA_UNSYNC))
        return -1;
    return state.maxerror;
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_NONBLOCK | O_CLOEXEC); }

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

struct clinux_usage clinux_own_usage(void) {
    struct rusage usage;
    struct clinux_usage own = {0};
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return own;
    own.cpu_seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                      (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    own.peak_bytes = (unsigned long long)usage.ru_maxrss * 1024;
    return own;
}
