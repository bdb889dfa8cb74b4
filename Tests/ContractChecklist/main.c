// Walks the self-tests of the published interface as a check-list, against a mount of ours, with raw ioctls.
//
//   contract-checklist --helper MOUNT-HELPER [--counters DIR] [--slack MS] [--big MIB] [-t ROW]...
//
// Runs in the working directory, and leaves nothing in it. Prints TAP; exit status 1 if a row does not hold.
// As root; an ordinary user can do all rows but the one that reads as other users (18) and the one that mounts over a mount (27).
// --counters   the directory that stands for /sys/fs/incremental-fs
// --slack      how many milliseconds later than due a timed step may end (100)
// --big        the size of the big file in MiB (500)
#define _GNU_SOURCE
#include "rows.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    bool (*check)(void);
} rows[] = {
    {"basic file operations", row_basic_file_operations},
    {"nobody touches the index", row_nobody_touches_the_index},
    {"dynamic files and data", row_dynamic_files_and_data},
    {"concurrent reads and writes", row_concurrent_reads_and_writes},
    {"attribute", row_attribute},
    {"work after remount", row_work_after_remount},
    {"children waiting for data", row_children_waiting_for_data},
    {"several providers", row_several_providers},
    {"hash tree", row_hash_tree},
    {"read log", row_read_log},
    {"get blocks", row_get_blocks},
    {"get hash blocks", row_get_hash_blocks},
    {"large file", row_large_file},
    {"mapped file", row_mapped_file},
    {"compatibility", row_compatibility},
    {"data block count", row_data_block_count},
    {"hash block count", row_hash_block_count},
    {"time-outs per user", row_user_timeouts},
    {"events", row_events},
    {"verity", row_verity},
    {"enable verity", row_enable_verity},
    {"mapped memory", row_mapped_memory},
    {"truncation", row_truncation},
    {"allocated space", row_allocated_space},
    {"counters", row_counters},
    {"counters renamed", row_counters_renamed},
    {"stacked mount", row_stacked_mount},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void clear_away(void) {
    for (int i = 0; i < 4; i++) {
        unmount_at(BACKING "/incfs-mount-dir2", MNT_FORCE | MNT_DETACH);
        unmount_at(MOUNT, MNT_FORCE | MNT_DETACH);
    }
    if (system("rm -rf --one-file-system " MOUNT " " BACKING) != 0) printf("# the directories are not removed\n");
}

// In a process of its own, so that what a row leaves open ends with it.
static bool check(int row) {
    clear_away();
    umask(0);
    if (mkdir(MOUNT, 0777) != 0 || mkdir(BACKING, 0777) != 0) {
        printf("# no directories: %s\n", strerror(errno));
        return false;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool good = rows[row].check();
        fflush(NULL);
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("# ended by signal %d\n", WTERMSIG(status));
    clear_away();
    return status == 0;
}

int main(int count, char **words) {
    bool chosen[ROWS] = {false}, any = false;
    static const struct option options[] = {
        {"helper", required_argument, NULL, 'h'}, {"counters", required_argument, NULL, 'c'},
        {"slack", required_argument, NULL, 's'},  {"big", required_argument, NULL, 'b'}, {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, words, "t:", options, NULL)) >= 0;) {
        switch (option) {
        case 'h': setting.helper = optarg; break;
        case 'c': setting.counters = optarg; break;
        case 's': setting.slack_ms = (unsigned)atoi(optarg); break;
        case 'b': setting.big = (uint64_t)atoi(optarg) << 20; break;
        case 't':
            if (atoi(optarg) < 1 || atoi(optarg) > ROWS) {
                fprintf(stderr, "contract-checklist: there is no row %s; there are %d\n", optarg, ROWS);
                return 2;
            }
            chosen[atoi(optarg) - 1] = any = true;
            break;
        default: return 2;
        }
    }
    if (!setting.helper) {
        fprintf(stderr, "contract-checklist: say with --helper which program mounts (mount.incremental-fs)\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    prepare_files();
    int failed = 0, done = 0;
    for (int row = 0; row < ROWS; row++) {
        if (any && !chosen[row]) continue;
        uint64_t start = milliseconds_now();
        bool good = check(row);
        done++;
        if (!good) failed++;
        printf("%s %d - %s (%llu ms)\n", good ? "ok" : "not ok", row + 1, rows[row].name, (unsigned long long)(milliseconds_now() - start));
    }
    printf("1..%d\n%d rows hold, %d do not\n", done, done - failed, failed);
    return failed ? 1 : 0;
}
