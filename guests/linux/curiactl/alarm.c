// SPDX-License-Identifier: GPL-2.0-only
/* The alarm of a passed-through RTC: shows that a device's interrupt reaches this VM. */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "curiactl.h"

#define RTC_DEV     "/dev/rtc0"
#define SECONDS_MAX 3600u
#define PATIENCE_MS 5000

static void set_alarm(int fd, unsigned int seconds)
{
    struct rtc_time now;
    struct rtc_wkalrm alarm = {.enabled = 1};
    struct tm at = {0};
    time_t when;

    if (ioctl(fd, RTC_RD_TIME, &now) != 0) {
        fail(RTC_DEV ": cannot read the time: %s", strerror(errno));
    }
    at.tm_sec = now.tm_sec;
    at.tm_min = now.tm_min;
    at.tm_hour = now.tm_hour;
    at.tm_mday = now.tm_mday;
    at.tm_mon = now.tm_mon;
    at.tm_year = now.tm_year;
    when = timegm(&at) + (time_t)seconds;
    gmtime_r(&when, &at);
    alarm.time = (struct rtc_time){.tm_sec = at.tm_sec,
                                   .tm_min = at.tm_min,
                                   .tm_hour = at.tm_hour,
                                   .tm_mday = at.tm_mday,
                                   .tm_mon = at.tm_mon,
                                   .tm_year = at.tm_year};
    if (ioctl(fd, RTC_WKALM_SET, &alarm) != 0) {
        fail(RTC_DEV ": cannot set the alarm: %s", strerror(errno));
    }
}

int cmd_alarm(int argc, char **argv)
{
    struct pollfd p = {.events = POLLIN};
    unsigned int seconds = 2;
    unsigned long data;

    if (argc > 2) {
        usage_error("takes a number of seconds at most");
    }
    if (argc == 2) {
        seconds = (unsigned int)parse_number(argv[1], SECONDS_MAX, "a number of seconds");
    }
    p.fd = open(RTC_DEV, O_RDONLY | O_CLOEXEC);
    if (p.fd < 0) {
        fail(RTC_DEV ": %s", errno == ENOENT ? "there is no RTC in this VM" : strerror(errno));
    }
    set_alarm(p.fd, seconds);
    if (poll(&p, 1, (int)seconds * 1000 + PATIENCE_MS) <= 0) {
        fail("no interrupt within %d s of the alarm", PATIENCE_MS / 1000);
    }
    if (read(p.fd, &data, sizeof(data)) != sizeof(data)) {
        fail(RTC_DEV ": %s", strerror(errno));
    }
    printf("alarm: interrupt came (%lu)\n", data >> 8);
    return EXIT_DONE;
}
