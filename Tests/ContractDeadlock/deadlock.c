// Provokes the deadlock that a server of the published interface has to avoid: creating files by ioctl makes names on the mount
// by helpers, for which the kernel takes the directory's lock, while unlinks and renames hold that lock and wait for helpers.
//
//   contract-deadlock MOUNTPOINT SECONDS
//
// Threads create, unlink, rename, make directories and list in one directory at once. Exit status 0 when all of it went on to the
// end; 1 when something failed; killed by its own alarm when something hangs.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../ContractChecklist/wire.h"

enum { CREATORS = 4 };
static time_t end;
static int commands;
static atomic_int created, removed, renamed, failed;

static int going_on(void) { return time(NULL) < end && !atomic_load(&failed); }

static void fail(const char *what, const char *name) {
    printf("# %s %s: %s\n", what, name, strerror(errno));
    atomic_store(&failed, 1);
}

// Creates a file and removes it again, over and over: each is four events.
static void *create_and_remove(void *number) {
    char name[64], moved[64];
    for (unsigned round = 0; going_on(); round++) {
        snprintf(name, sizeof name, "file-%ld-%u", (long)number, round);
        snprintf(moved, sizeof moved, "moved-%ld", (long)number);
        struct create_file arguments = {.size = 4096, .mode = S_IFREG | 0555, .name = (uintptr_t)name};
        memcpy(arguments.identity, &number, 8);
        memcpy(arguments.identity + 8, &round, 4);
        if (ioctl(commands, REQUEST_CREATE_FILE, &arguments) != 0) { fail("create", name); break; }
        atomic_fetch_add(&created, 1);
        if (round % 3 == 0) {
            if (unlink(name) != 0) { fail("unlink", name); break; }
            atomic_fetch_add(&removed, 1);
        } else {
            // Replaces the one before: that one's last name.
            if (rename(name, moved) != 0) { fail("rename", name); break; }
            atomic_fetch_add(&renamed, 1);
        }
    }
    unlink(moved);
    return NULL;
}

static void *make_directories(void *unused) {
    while (going_on()) {
        if (mkdir("directory", 0777) != 0) { fail("mkdir", "directory"); break; }
        if (rmdir("directory") != 0) { fail("rmdir", "directory"); break; }
    }
    return unused;
}

static void *list(void *path) {
    while (going_on()) {
        DIR *directory = opendir(path);
        if (!directory) { fail("opendir", path); break; }
        while (readdir(directory)) {}
        closedir(directory);
    }
    return NULL;
}

int main(int count, char **words) {
    if (count != 3 || chdir(words[1]) != 0) return 2;
    unsigned seconds = (unsigned)atoi(words[2]);
    end = time(NULL) + seconds;
    alarm(seconds + 20);
    commands = open(".pending_reads", O_RDONLY | O_CLOEXEC);
    if (commands < 0) return 2;
    pthread_t threads[CREATORS + 3];
    for (long i = 0; i < CREATORS; i++) pthread_create(&threads[i], NULL, create_and_remove, (void *)(i + 1));
    pthread_create(&threads[CREATORS], NULL, make_directories, NULL);
    pthread_create(&threads[CREATORS + 1], NULL, list, ".");
    pthread_create(&threads[CREATORS + 2], NULL, list, ".index");
    for (int i = 0; i < CREATORS + 3; i++) pthread_join(threads[i], NULL);
    printf("%d created, %d removed, %d renamed\n", atomic_load(&created), atomic_load(&removed), atomic_load(&renamed));
    // Nothing may be left of what has no name.
    int left = 0;
    DIR *index = opendir(".index");
    for (struct dirent *entry; index && (entry = readdir(index));) left += entry->d_name[0] != '.';
    if (left) printf("# %d entries are left in .index\n", left);
    return atomic_load(&failed) || left || !atomic_load(&removed) || !atomic_load(&renamed);
}
