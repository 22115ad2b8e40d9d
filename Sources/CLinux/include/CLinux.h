// What the Glibc module does not show: sock_diag and links over netlink, options of packet sockets,
// setfsuid for tests, the kernel's clock state, where the program's files are mapped, datagrams to
// Unix sockets, a section of the program's file, and three calls that are GNU extensions.
#ifndef C_LINUX_H
#define C_LINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/fsuid.h>

// adjtimex(2): the bound on CLOCK_REALTIME's error in microseconds, or -1 where the clock is not
// synchronised or its state cannot be read, or CLINUX_CLOCK_FORBIDDEN where a sandbox forbids it.
enum { CLINUX_CLOCK_FORBIDDEN = -2 };
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

// Takes the pages of the program's and its libraries' files that are only read out of this process's
// memory: starting up touches most of them, running few, which come back from the page cache.
void clinux_release_program(void);

// A non-blocking rtnetlink socket that tells of links and addresses that come, go and change, or
// -1 with errno.
int clinux_watch_links(void);

// A blocking rtnetlink socket whose reads end after a second, or -1 with errno.
int clinux_link_queries(void);

// Asks for the link of this index, or for all links where it is 0. 0, or -1 with errno.
int clinux_request_links(int descriptor, unsigned int index);

// The index of the interface that a packet socket is bound to; 0 where it is to none.
unsigned int clinux_bound_interface(int descriptor);

// A process that was started, and what it writes: the reading ends of two pipes, which block.
struct clinux_child {
    int process;
    int output;
    int errors;
};

// Starts the program of this process anew beside it, with the same arguments, as another user with that
// group, the groups that the system's tables give it, the further ones, and CAP_NET_RAW alone, as far as
// that can be had: what a unit with User=, Group=, SupplementaryGroups= and
// AmbientCapabilities=CAP_NET_RAW starts. Only root may. The other process has a session of its own without a terminal, nothing to read, no other
// descriptors, no new privileges, and of the environment what finds programs and languages; others of
// its user may not look into its memory from before its main on; it ends with the thread that
// started it. 0, or -1 with errno.
int clinux_start_as(unsigned int user, unsigned int group, const unsigned int *further, int further_count,
                    struct clinux_child *child);

// Lets a packet socket receive no packet that this host sends (Linux 4.20). 0, or -1 with errno.
int clinux_ignore_outgoing(int descriptor);

// The version that packaging/stage wrote into the program's file; empty in one that is in no package.
const char *clinux_packaged_version(void);

// Sends bytes as one datagram to a Unix socket, without waiting: a path of at most 107 bytes, or behind
// '@' a name in the abstract namespace. 0, or -1 with errno.
int clinux_tell(const char *address, const void *bytes, unsigned long count);

#endif
