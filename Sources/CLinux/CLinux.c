#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

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

// Capabilities of the calling thread, which is the one that becomes the program.
static int keep_capabilities(unsigned int bits) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = bits, .permitted = bits, .inheritable = bits}};
    return (int)syscall(SYS_capset, &header, data);
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

int clinux_restart_as(unsigned int user, unsigned int group) {
    static char text[65536];
    static char *arguments[1024];
    ssize_t length = own_arguments(text, sizeof text);
    if (length < 0)
        return -1;
    int count = 0;
    for (char *at = text; at < text + length; at += strlen(at) + 1) {
        if (count == 1023) {
            errno = E2BIG;
            return -1;
        }
        arguments[count++] = at;
    }
    arguments[count] = NULL;
    struct passwd *entry = getpwuid(user);
    gid_t own = entry ? entry->pw_gid : (gid_t)group;
    if (entry ? initgroups(entry->pw_name, own) : setgroups(1, &own))
        return -1;
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (setresgid(own, own, own) != 0 || setresuid(user, user, user) != 0)
        return -1;
    // Where the right cannot be had, neither could the agent have it.
    if (keep_capabilities(1u << CAP_NET_RAW) == 0)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
    else
        keep_capabilities(0);
    execv("/proc/self/exe", arguments);
    return -1;
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
