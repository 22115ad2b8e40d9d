// Keeps the kernel's estimate of the clock's error in a file, for an agent whose sandbox forbids
// adjtimex(2): the filter of system calls cannot tell reading the clock's state from setting the clock.
//
// usage: jouleflow-clock, with the folder in $RUNTIME_DIRECTORY
//
// The file error-bound in that folder is one line, exchanged as a whole every ten seconds:
//
//     1520 86400123456789
//
// the bound in microseconds, or -1 where it is unknown or the clock is not synchronised, and when it was read, in
// nanoseconds of CLOCK_BOOTTIME. See Sources/Agent/ClockErrorFile.swift for its reader.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_BETWEEN = 10 };

static int keep(void) {
    struct timex state = {0};
    struct timespec now;
    int answer = adjtimex(&state);
    // In a container the call may be forbidden for good: what cannot be read is unknown.
    long long bound = answer < 0 || state.status & STA_UNSYNC ? -1 : state.maxerror;
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return -1;
    FILE *file = fopen("error-bound.new", "w");
    if (!file)
        return -1;
    fprintf(file, "%lld %lld\n", bound, now.tv_sec * 1000000000LL + now.tv_nsec);
    if (fclose(file) != 0)
        return -1;
    return rename("error-bound.new", "error-bound");
}

int main(void) {
    const char *folder = getenv("RUNTIME_DIRECTORY");
    if (!folder || chdir(folder) != 0) {
        fprintf(stderr, "jouleflow-clock: RUNTIME_DIRECTORY names no folder\n");
        return 2;
    }
    for (;;) {
        if (keep() != 0) {
            fprintf(stderr, "jouleflow-clock: %s\n", strerror(errno));
            return 1;
        }
        struct timespec wait = {.tv_sec = SECONDS_BETWEEN};
        nanosleep(&wait, NULL);
    }
}
