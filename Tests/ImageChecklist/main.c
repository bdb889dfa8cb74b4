// The nine tests of the 2019 form of Incremental FS in our own words, and some more, against real mounts of images.
//
//   image-checklist --helper INCFS-CONTRACTD [-t ROW]...
//
// Runs in the working directory, and leaves nothing in it; as root, or all rows but “writers with more” as an ordinary user. Prints TAP; exit status 1 if a row does not hold.
#define _GNU_SOURCE
#include "fixture.h"
#include "rows.h"
#include <getopt.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct {
    const char *name;
    bool (*check)(void);
} rows[] = {
    {"directory structure", row_directory_structure},
    {"corner cases of directories", row_corner_cases_of_directories},
    {"number of files", row_number_of_files},
    {"work after remount", row_work_after_remount},
    {"children waiting for data", row_children_waiting_for_data},
    {"errors on overwrite", row_errors_on_overwrite},
    {"concurrent reads and writes", row_concurrent_reads_and_writes},
    {"several providers", row_several_providers},
    {"dynamic files and data", row_dynamic_files_and_data},
    {"command file", row_command_file},
    {"refused blocks", row_refused_blocks},
    {"ordinary means", row_ordinary_means},
    {"damaged data", row_damaged_data},
    {"writers with more", row_writers_with_more},
    {"killed daemon", row_killed_daemon},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void clear_away(void) {
    unmount_with(MNT_DETACH);
    rmdir(MOUNT);
    unlink(IMAGE);
}

int main(int count, char **words) {
    static const struct option options[] = {{"helper", required_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool wanted[ROWS] = {false}, all = true;
    for (int option; (option = getopt_long(count, words, "t:", options, NULL)) != -1;) {
        if (option == 'h') helper = optarg;
        else if (option == 't' && atoi(optarg) >= 1 && atoi(optarg) <= ROWS) wanted[atoi(optarg) - 1] = true, all = false;
        else return 2;
    }
    if (!helper) return 2;
    int failed = 0;
    printf("1..%d\n", ROWS);
    for (int row = 0; row < ROWS; row++) {
        if (!all && !wanted[row]) continue;
        clear_away();
        bool good = rows[row].check();
        printf("%sok %d %s\n", good ? "" : "not ", row + 1, rows[row].name);
        if (!good) failed++;
        clear_away();
    }
    return failed > 0;
}
