// What the Glibc module does not show: sock_diag over netlink, setfsuid for tests, the kernel's
// clock state, and three calls that are GNU extensions.
#ifndef C_LINUX_H
#define C_LINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/fsuid.h>

// adjtimex(2): the bound on CLOCK_REALTIME's error in microseconds, or -1 where the clock is not
// synchronised or its state cannot be read.
long long clinux_clock_error_bound(void);

// pipe2(2) with O_NONBLOCK and O_CLOEXEC.
int clinux_pipe(int ends[2]);

// pthread_setname_np(3) for the calling thread; names over 15 bytes are refused.
void clinux_name_thread(const char *name);

// The calling process's getrusage(2).
struct clinux_usage {
    double cpu_seconds;
    unsigned long long peak_bytes;
};
struct clinux_usage clinux_own_usage(void);

#endif
