/* A disk that fails when it is told to: files in $FAULTS say how. Loaded before the exporter by LD_PRELOAD. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int told_to(const char *fault) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("FAULTS"), fault);
    return access(path, F_OK) == 0;
}

/* Says that a fault has been met, for a test that waits until it is. */
static void meet(const char *fault) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.met", getenv("FAULTS"), fault);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    if (file >= 0) close(file);
}

/* Whether `file` is the store or its log and there is no room for either, or none to make the store larger. */
static int full_for(int file) {
    char link[64], path[4096];
    int disk = told_to("full-disk"), store = told_to("full-for-store");
    if (!disk && !store) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    const char *name = strstr(path, "/events.db");
    return name != NULL && (disk || strcmp(name, "/events.db") == 0);
}

static int sync_by(long call, int file) {
    if (told_to("fail-sync")) return errno = EIO, -1;
    if (told_to("slow-sync")) meet("slow-sync");
    for (int tenths = 0; tenths < 200 && told_to("slow-sync"); tenths++) usleep(100000);
    return syscall(call, file);
}

int fdatasync(int file) { return sync_by(SYS_fdatasync, file); }
int fsync(int file) { return sync_by(SYS_fsync, file); }

ssize_t write(int file, const void *bytes, size_t count) {
    if (full_for(file)) return errno = ENOSPC, -1;
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    if (full_for(file)) return errno = ENOSPC, -1;
    return syscall(SYS_pwrite64, file, bytes, count, at);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) { return pwrite64(file, bytes, count, at); }
