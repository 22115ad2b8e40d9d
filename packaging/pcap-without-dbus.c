// Stands for libpcap's pcap-dbus.c in the static library that packages link: no message bus is ever
// found or opened. The two functions are those that libpcap's table of capture sources names.
#include <stddef.h>

struct pcap;
struct pcap_if_list;

int dbus_findalldevs(struct pcap_if_list *devices, char *error);
struct pcap *dbus_create(const char *device, char *error, int *is_ours);

int dbus_findalldevs(struct pcap_if_list *devices, char *error) {
    (void)devices;
    (void)error;
    return 0;
}

struct pcap *dbus_create(const char *device, char *error, int *is_ours) {
    (void)device;
    (void)error;
    *is_ours = 0;
    return NULL;
}
