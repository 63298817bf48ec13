/* Tells a process another time: the nanoseconds since the epoch that stand in the file $SIMULATED_CLOCK, as a native 64-bit
   number. Loaded before the exporter by LD_PRELOAD, so that it lives through a day in a minute.

   Only the time of day: the monotonic clock stays real, because time-outs and measured durations go by it.
   The kernel says when a process started, in seconds after the boot; so the time of the boot, in /proc/stat, is shifted too. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t simulated(void) {
    static volatile const int64_t *clock;
    if (!clock) {
        int file = syscall(SYS_openat, AT_FDCWD, getenv("SIMULATED_CLOCK"), O_RDONLY | O_CLOEXEC);
        void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *clock, PROT_READ, MAP_SHARED, file, 0);
        if (page == MAP_FAILED) abort();
        close(file);
        clock = page;
    }
    return *clock;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE) return syscall(SYS_clock_gettime, id, time);
    int64_t now = simulated();
    *time = (struct timespec){.tv_sec = now / 1000000000, .tv_nsec = now % 1000000000};
    return 0;
}

int gettimeofday(struct timeval *time, void *zone) {
    (void)zone;
    int64_t now = simulated();
    *time = (struct timeval){.tv_sec = now / 1000000000, .tv_usec = now % 1000000000 / 1000};
    return 0;
}

time_t time(time_t *out) {
    time_t now = simulated() / 1000000000;
    if (out) *out = now;
    return now;
}

/* /proc/stat with the line `btime` shifted by as much as the simulated clock differs from the real one. */
static int shifted_stat(void) {
    struct timespec real;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    FILE *original = fopen("/proc/./stat", "re");
    int copy = memfd_create("stat", MFD_CLOEXEC);
    if (!original || copy < 0) abort();
    char *line = NULL;
    size_t size = 0;
    long long boot;
    while (getline(&line, &size, original) > 0) {
        if (sscanf(line, "btime %lld", &boot) == 1)
            dprintf(copy, "btime %lld\n", boot + (long long)(simulated() / 1000000000 - real.tv_sec));
        else
            dprintf(copy, "%s", line);
    }
    free(line);
    fclose(original);
    lseek(copy, 0, SEEK_SET);
    return copy;
}

int open64(const char *path, int flags, ...) {
    if (strcmp(path, "/proc/stat") == 0) return shifted_stat();
    __builtin_va_list rest;
    __builtin_va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? __builtin_va_arg(rest, int) : 0;
    __builtin_va_end(rest);
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
