#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/keyctl.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

// close_range(2) has the same number on all architectures; older headers lack it.
#define CLINUX_CLOSE_RANGE 436

long long clinux_clock_error_bound(void) {
    struct timex state = {0};
    if (adjtimex(&state) < 0)
        return errno == EPERM ? CLINUX_CLOCK_FORBIDDEN : -1;
    if (state.status & STA_UNSYNC)
        return -1;
    return state.maxerror;
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_NONBLOCK | O_CLOEXEC); }

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

// VmHWM of proc_pid_status(5), which begins anew where a program does; ru_maxrss goes on with that of the
// program before. 0 where it cannot be read.
static unsigned long long own_peak_bytes(void) {
    char text[4096];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    if (count <= 0)
        return 0;
    text[count] = 0;
    const char *line = strstr(text, "\nVmHWM:");
    return line ? strtoull(line + strlen("\nVmHWM:"), NULL, 10) * 1024 : 0;
}

struct clinux_usage clinux_own_usage(void) {
    struct rusage usage;
    struct clinux_usage own = {0};
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return own;
    own.cpu_seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                      (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    own.peak_bytes = own_peak_bytes();
    if (own.peak_bytes == 0)
        own.peak_bytes = (unsigned long long)usage.ru_maxrss * 1024;
    return own;
}

// Segments that may be written are left alone: relocations and variables are in them.
static int release(struct dl_phdr_info *object, size_t size, void *page) {
    (void)size;
    if (object->dlpi_name && strstr(object->dlpi_name, "vdso"))
        return 0;
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
            continue;
        uintptr_t mask = *(const uintptr_t *)page - 1;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + mask) & ~mask;
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~mask;
        if (start < end)
            madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void clinux_release_program(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    dl_iterate_phdr(release, &page);
}

int clinux_watch_links(void) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (descriptor < 0)
        return -1;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    // Many links may change at once. The limit of net.core.rmem_max may cut this down; what is
    // beyond the room is told as ENOBUFS, and everything is asked for anew.
    int room = 1 << 20;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

int clinux_link_queries(void) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (descriptor < 0)
        return -1;
    // The kernel answers at once; the limit is for one that never ends its list.
    struct timeval limit = {.tv_sec = 1};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return descriptor;
}

int clinux_request_links(int descriptor, unsigned int index) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {0};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | (index == 0 ? NLM_F_DUMP : 0);
    request.link.ifi_family = AF_UNSPEC;
    request.link.ifi_index = (int)index;
    return send(descriptor, &request, sizeof request, 0) == sizeof request ? 0 : -1;
}

unsigned int clinux_bound_interface(int descriptor) {
    struct sockaddr_ll address = {0};
    socklen_t length = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0 ||
        address.sll_family != AF_PACKET || address.sll_ifindex < 0)
        return 0;
    return (unsigned int)address.sll_ifindex;
}

int clinux_ignore_outgoing(int descriptor) {
    int yes = 1;
    return setsockopt(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
}

// In the child between fork and exec only system calls are made, by number: the wrappers of some
// take locks that another thread may hold. What they need is made ready before.
struct start {
    uid_t user;
    gid_t group;
    gid_t groups[1024];
    int group_count;
    pid_t parent;
    int null, output, errors, failure;
    char *arguments[1024];
    char *environment[256];
};

// What the environment may have, of names and of beginnings of names; all else stays with root.
static const char *const carried[] = {
    "PATH=", "TZ=", "LANG=", "LANGUAGE=", "LC_", "LD_LIBRARY_PATH=", "JOULEFLOW_DOCTOR_UNIT=",
};
static char as_child[] = "JOULEFLOW_DOCTOR_CHILD=1";

__attribute__((constructor(101))) static void hide_child(void) {
    if (getenv("JOULEFLOW_DOCTOR_CHILD"))
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

// prctl(2), whose arguments are all of this length.
static long control(unsigned long option, unsigned long first, unsigned long second) {
    return syscall(SYS_prctl, option, first, second, 0UL, 0UL);
}

// The one capability, or none: where it cannot be had, neither could the agent have it.
static void take_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    unsigned int bits = 1u << CAP_NET_RAW;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = bits, .permitted = bits, .inheritable = bits}};
    if (syscall(SYS_capset, &header, data) == 0) {
        control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW);
        return;
    }
    memset(data, 0, sizeof data);
    syscall(SYS_capset, &header, data);
}

// Standard input, output and error, the descriptor 3 for a failure, and no other.
static int take_descriptors(const struct start *start) {
    const int from[] = {start->null, start->output, start->errors};
    for (int index = 0; index < 3; index++)
        if (syscall(SYS_dup3, from[index], index, 0) < 0)
            return -1;
    if (syscall(SYS_dup3, start->failure, 3, O_CLOEXEC) < 0)
        return -1;
    if (syscall(CLINUX_CLOSE_RANGE, 4, ~0u, 0) == 0)
        return 0;
    // Before Linux 5.9; more descriptors than these are not inherited from a shell.
    for (int descriptor = 4; descriptor < 65536; descriptor++)
        syscall(SYS_close, descriptor);
    return 0;
}

static int take_user(const struct start *start) {
    if (syscall(SYS_setsid) < 0 || control(PR_SET_NO_NEW_PRIVS, 1, 0) < 0 ||
        control(PR_SET_KEEPCAPS, 1, 0) < 0 ||
        syscall(SYS_setgroups, start->group_count, start->groups) < 0 ||
        syscall(SYS_setresgid, start->group, start->group, start->group) < 0 ||
        syscall(SYS_setresuid, start->user, start->user, start->user) < 0)
        return -1;
    // The copy of root's memory is the user's from here to the new program.
    if (control(PR_SET_DUMPABLE, 0, 0) < 0)
        return -1;
    // Root's session keyring is not for it; where there are no keyrings there is none to leave.
    syscall(SYS_keyctl, (unsigned long)KEYCTL_JOIN_SESSION_KEYRING, NULL, 0UL, 0UL, 0UL);
    take_capabilities();
    // Only now: a change of user takes it back.
    control(PR_SET_PDEATHSIG, SIGKILL, 0);
    return syscall(SYS_getppid) == start->parent ? 0 : -1;
}

static void become(const struct start *start) {
    unsigned long long none = 0;
    int failure = start->failure;
    if (take_descriptors(start) == 0) {
        failure = 3;
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
        if (take_user(start) == 0)
            syscall(SYS_execve, "/proc/self/exe", start->arguments, start->environment);
    }
    int code = errno;
    syscall(SYS_write, failure, &code, sizeof code);
    syscall(SYS_exit_group, 127);
}

// The arguments of this process, one after another, each ended by 0; how many bytes, or -1.
static ssize_t own_arguments(char *text, size_t size) {
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    size_t have = 0;
    ssize_t got = 0;
    while (have < size && (got = read(file, text + have, size - have)) > 0)
        have += (size_t)got;
    close(file);
    if (got < 0 || have == 0 || have == size || text[have - 1] != 0) {
        errno = E2BIG;
        return -1;
    }
    return (ssize_t)have;
}

static int prepare_words(struct start *start) {
    static char text[65536];
    ssize_t length = own_arguments(text, sizeof text);
    if (length < 0)
        return -1;
    int count = 0;
    for (char *at = text; at < text + length; at += strlen(at) + 1) {
        if (count == 1023) {
            errno = E2BIG;
            return -1;
        }
        start->arguments[count++] = at;
    }
    start->arguments[count] = NULL;
    count = 0;
    for (char **at = environ; *at && count < 254; at++)
        for (size_t index = 0; index < sizeof carried / sizeof *carried; index++)
            if (strncmp(*at, carried[index], strlen(carried[index])) == 0) {
                start->environment[count++] = *at;
                break;
            }
    start->environment[count++] = as_child;
    start->environment[count] = NULL;
    return 0;
}

static int prepare_user(struct start *start, uid_t user, gid_t group, const gid_t *further,
                        int further_count) {
    struct passwd *entry = getpwuid(user);
    start->user = user;
    start->group = group;
    start->groups[0] = group;
    start->group_count = entry ? 1024 : 1;
    if ((entry &&
         getgrouplist(entry->pw_name, group, start->groups, &start->group_count) < 0) ||
        further_count > 1024 - start->group_count) {
        errno = E2BIG;
        return -1;
    }
    for (int index = 0; index < further_count; index++)
        start->groups[start->group_count++] = further[index];
    start->parent = getpid();
    return 0;
}

// A pipe whose ends are above those that the child takes.
static int high_pipe(int ends[2]) {
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0)
        return -1;
    for (int index = 0; index < 2; index++) {
        ends[index] = fcntl(low[index], F_DUPFD_CLOEXEC, 10);
        close(low[index]);
    }
    return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

static int high_null(void) {
    int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 10);
    if (low >= 0)
        close(low);
    return high;
}

// 0 where the child became the program, or why it did not.
static int failure_of(int descriptor) {
    int code = 0;
    ssize_t got;
    do
        got = read(descriptor, &code, sizeof code);
    while (got < 0 && errno == EINTR);
    return got == 0 ? 0 : got == sizeof code && code != 0 ? code : EPROTO;
}

int clinux_start_as(unsigned int user, unsigned int group, const unsigned int *further, int further_count,
                    struct clinux_child *child) {
    static struct start start;
    int output[2], errors[2], failure[2];
    if (prepare_words(&start) != 0 || prepare_user(&start, user, group, further, further_count) != 0 ||
        (start.null = high_null()) < 0 || high_pipe(output) != 0 || high_pipe(errors) != 0 ||
        high_pipe(failure) != 0)
        return -1;
    start.output = output[1];
    start.errors = errors[1];
    start.failure = failure[1];
    pid_t process = fork();
    if (process == 0)
        become(&start);
    int code = process < 0 ? errno : 0;
    close(start.null);
    close(output[1]);
    close(errors[1]);
    close(failure[1]);
    if (process > 0 && (code = failure_of(failure[0])) != 0)
        waitpid(process, NULL, 0);
    close(failure[0]);
    if (code != 0) {
        close(output[0]);
        close(errors[0]);
        errno = code;
        return -1;
    }
    *child = (struct clinux_child){.process = process, .output = output[0], .errors = errors[0]};
    return 0;
}

// packaging/stage finds the section and writes the package's version there, which this file, being
// compiled before that, must not take for empty: nothing but its address is used here.
__attribute__((section(".jouleflow.version"), used)) static const char packaged_version[64] = "";

const char *clinux_packaged_version(void) { return packaged_version; }

int clinux_tell(const char *address, const void *bytes, unsigned long count) {
    struct sockaddr_un target = {.sun_family = AF_UNIX};
    size_t length = strlen(address);
    if (length >= sizeof target.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(target.sun_path, address, length);
    if (address[0] == '@')
        target.sun_path[0] = 0;
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent = sendto(descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL,
                          (struct sockaddr *)&target, size);
    close(descriptor);
    return sent == (ssize_t)count ? 0 : -1;
}
