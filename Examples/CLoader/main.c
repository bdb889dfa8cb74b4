// A complete data loader in C: shows a directory on a mount of the Incremental FS before any of its data is there.
//
//   incfs-sample-loader SOURCE MOUNT [--rate BLOCKS] [--exit]
//
// MOUNT is mounted already (incfs mount --backing DIR MOUNT). Every file below SOURCE is created on it, unless an earlier loader
// did so; then blocks that somebody waits for are stored at once, and the rest in the background, --rate blocks a second
// (0: as fast as it goes). With --exit it ends when everything is there. It may be killed at any time and started again.
#include "incremental_fs.h"
#include <ftw.h>
#include <signal.h>

enum { READ_CAPACITY = 100, AT_ONCE = 32 };

struct file {
    char *path;          // below SOURCE
    struct incfs_id id;
    uint32_t blocks, next; // the next that the background has to look at
    int source, target;
};

static struct {
    const char *source;
    struct incfs_control control;
    struct file *files;
    size_t count, capacity;
    int error;
} loader;

static volatile sig_atomic_t stopped;
static void stop(int signal) { (void)signal; stopped = 1; }

static int complain(const char *what, const char *path, int error) {
    fprintf(stderr, "incfs-sample-loader: cannot %s %s: %s\n", what, path, strerror(-error));
    return error;
}

// A file's metadata is its path: whoever finds the file later knows where its data lies.
static int add(const char *path, const struct stat *facts, int kind, struct FTW *where) {
    const char *name = path + strlen(loader.source);
    while (*name == '/') name++;
    if (where->level == 0) return 0;
    if (kind == FTW_D) {
        int error = incfs_make_directories(&loader.control, name, facts->st_mode & 07777);
        return error ? (loader.error = complain("make the directory", name, error)) : 0;
    }
    if (kind != FTW_F || !S_ISREG(facts->st_mode)) return 0;
    size_t length = strlen(name);
    struct incfs_new_file new_file = {.size = facts->st_size, .metadata = name, .metadata_size = length < INCFS_METADATA_LIMIT ? length : INCFS_METADATA_LIMIT};
    struct file file = {.id = incfs_id_from_metadata(name, length), .source = -1, .target = -1};
    int error = incfs_make_file(&loader.control, name, facts->st_mode & 07777, file.id, &new_file);
    if (error && error != -EEXIST) return loader.error = complain("create", name, error);
    if (loader.count == loader.capacity) {
        loader.capacity = loader.capacity ? loader.capacity * 2 : 64;
        struct file *more = realloc(loader.files, loader.capacity * sizeof *more);
        if (!more) return loader.error = -ENOMEM;
        loader.files = more;
    }
    file.path = strdup(name);
    file.blocks = (uint32_t)((facts->st_size + INCFS_BLOCK_SIZE - 1) / INCFS_BLOCK_SIZE);
    loader.files[loader.count++] = file;
    return file.path ? 0 : (loader.error = -ENOMEM);
}

static int open_both(struct file *file) {
    if (file->source >= 0) return 0;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", loader.source, file->path);
    int source = open(path, O_RDONLY | O_CLOEXEC);
    if (source < 0) return complain("open", path, -errno);
    int target = incfs_open_to_fill(&loader.control, file->id);
    if (target < 0) {
        close(source);
        return complain("fill", file->path, target);
    }
    file->source = source, file->target = target;
    return 0;
}

static void close_both(struct file *file) {
    if (file->source >= 0) close(file->source), close(file->target);
    file->source = file->target = -1;
}

// Stores blocks [first, first + count) as they are. A negative errno where that failed.
static int store(struct file *file, uint32_t first, uint32_t count) {
    static uint8_t data[AT_ONCE][INCFS_BLOCK_SIZE];
    struct incfs_block blocks[AT_ONCE];
    int error = open_both(file);
    if (error) return error;
    ssize_t got = pread(file->source, data, (size_t)count * INCFS_BLOCK_SIZE, (off_t)first * INCFS_BLOCK_SIZE);
    if (got <= 0) return complain("read", file->path, got < 0 ? -errno : -EIO);
    count = (uint32_t)((got + INCFS_BLOCK_SIZE - 1) / INCFS_BLOCK_SIZE);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = i + 1 < count ? INCFS_BLOCK_SIZE : (uint32_t)(got - (ssize_t)i * INCFS_BLOCK_SIZE);
        blocks[i] = (struct incfs_block){.fd = file->target, .index = first + i, .size = size, .data = data[i]};
    }
    int stored = incfs_write_blocks(blocks, count);
    return stored < 0 ? complain("store blocks of", file->path, stored) : stored;
}

static struct file *find(struct incfs_id id) {
    for (size_t i = 0; i < loader.count; i++)
        if (incfs_id_equal(loader.files[i].id, id)) return &loader.files[i];
    return NULL;
}

// Takes what is waited for, at most so long. A negative errno where no more can be heard.
static int serve(int milliseconds) {
    struct incfs_read reads[READ_CAPACITY];
    int count = incfs_wait_for_pending_reads(&loader.control, milliseconds, reads, READ_CAPACITY);
    if (count == -ETIMEDOUT || count == -EINTR) return 0;
    if (count < 0) return complain("hear of pending reads on", loader.source, count);
    for (int i = 0; i < count; i++) {
        struct file *file = find(reads[i].id);
        // Another loader's files are its own to serve; and a file that cannot be read fails its readers alone, in time.
        if (file && reads[i].block < file->blocks) store(file, reads[i].block, 1);
    }
    return count;
}

int main(int count, char **words) {
    long rate = 0;
    bool leave = false;
    const char *source = NULL, *target = NULL;
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--exit") == 0) leave = true;
        else if (strcmp(words[i], "--rate") == 0 && i + 1 < count) rate = atol(words[++i]);
        else if (!source) source = words[i];
        else if (!target) target = words[i];
        else target = NULL, i = count;
    }
    if (!source || !target) {
        fprintf(stderr, "usage: incfs-sample-loader SOURCE MOUNT [--rate BLOCKS] [--exit]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    loader.source = source;
    int error = incfs_open(target, false, &loader.control);
    if (error) {
        complain("open the mount", target, error);
        return 1;
    }
    if (nftw(source, add, 32, FTW_PHYS) != 0) {
        if (!loader.error) complain("look through", source, -errno);
        return 1;
    }
    printf("%zu files\n", loader.count);
    fflush(stdout);

    size_t at = 0;
    while (!stopped) {
        bool idle = at == loader.count;
        if (idle && leave) break;
        // Nobody waits longer than one batch of the background takes.
        int pause = idle ? 1000 : rate > 0 ? (int)(1000 * AT_ONCE / rate) : 0;
        if ((error = serve(pause)) < 0) break;
        if (error > 0 || idle) continue;
        struct file *file = &loader.files[at];
        uint32_t batch = file->blocks - file->next < AT_ONCE ? file->blocks - file->next : AT_ONCE;
        if (batch == 0 || (file->next == 0 && incfs_is_fully_loaded(&loader.control, file->id) == 0)) {
            close_both(file);
            at++;
            continue;
        }
        if (store(file, file->next, batch) < 0) {
            close_both(file);
            at++;
            continue;
        }
        file->next += batch;
    }
    for (size_t i = 0; i < loader.count; i++) close_both(&loader.files[i]), free(loader.files[i].path);
    free(loader.files);
    int complete = incfs_is_everything_fully_loaded(&loader.control);
    incfs_close(&loader.control);
    return error < 0 || (leave && complete != 0) ? 1 : 0;
}
