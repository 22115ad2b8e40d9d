#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

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

void clinux_release_startup(void) {
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
