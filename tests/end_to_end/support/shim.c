/* A disk that fails when it is told to: files in $FAULTS say how. Loaded before the exporter by LD_PRELOAD. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int told_to(const char *fault) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("FAULTS"), fault);
    return access(path, F_OK) == 0;
}

static int sync_by(long call, int file) {
    if (told_to("fail-sync")) return errno = EIO, -1;
    for (int tenths = 0; tenths < 80 && told_to("slow-sync"); tenths++) usleep(100000);
    return syscall(call, file);
}

int fdatasync(int file) { return sync_by(SYS_fdatasync, file); }
int fsync(int file) { return sync_by(SYS_fsync, file); }
