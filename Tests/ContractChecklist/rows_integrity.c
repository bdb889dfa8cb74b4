// Rows about integrity: 9, 20, 21, 22.
#define _GNU_SOURCE
#include "rows.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DAMAGED = 5, VERITY_TREE = 1, VERITY_DESCRIPTOR = 2, VERITY_SIGNATURE = 3 };

static int verity_metadata(int descriptor, uint64_t type, uint64_t offset, void *buffer, uint64_t length) {
    struct verity_metadata arguments = {.type = type, .offset = offset, .length = length, .buffer = (uintptr_t)buffer};
    return ioctl(descriptor, REQUEST_READ_VERITY_METADATA, &arguments);
}

static bool create_with_tree(int commands, const struct test_file *file, const struct tree *tree) {
    struct blob blob;
    make_blob(&blob, tree->root, "whoever wants to may look here");
    CHECK(create(commands, file, NULL, NULL, &blob) == 0);
    return true;
}

static bool same_tree(const struct test_file *file, const struct tree *tree) {
    if (tree->blocks == 0) return true;
    int descriptor = open(on_mount(file->name), O_RDONLY | O_CLOEXEC);
    CHECK(descriptor >= 0);
    static uint8_t piece[7 * BLOCK];
    uint64_t total = (uint64_t)tree->blocks * BLOCK, at = 0;
    for (unsigned blocks = 1; at < total; blocks = blocks % 7 + 1) {
        uint64_t asked = (uint64_t)blocks * BLOCK, should = total - at < asked ? total - at : asked;
        CHECK_EQUAL(verity_metadata(descriptor, VERITY_TREE, at, piece, asked), should);
        CHECK(memcmp(piece, tree->bytes + at, should) == 0);
        at += should;
    }
    CHECK_EQUAL(verity_metadata(descriptor, VERITY_TREE, total, piece, BLOCK), 0);
    CHECK_FAILS(verity_metadata(descriptor, VERITY_TREE, total + 1, piece, BLOCK), ERANGE);
    close(descriptor);
    return true;
}

bool row_hash_tree(void) {
    struct tree trees[FILES];
    CHECK(mount_volume("read_timeout_ms=50"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) {
        CHECK(build_tree(&files[i], &trees[i]));
        CHECK(create_with_tree(commands, &files[i], &trees[i]));
        if (i == DAMAGED) trees[i].bytes[64] ^= 0xff;
        CHECK(emit_file(commands, &files[i]));
        if (trees[i].blocks == 0) continue;
        int plain = open(in_index(&files[i]), fill_flags());
        CHECK_FAILS(load_hashes(plain, &trees[i]), EPERM);
        CHECK(permit(commands, plain) == 0);
        CHECK_EQUAL(load_hashes(plain, &trees[i]), trees[i].blocks);
        close(plain);
    }
    close(commands);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < FILES; i++) {
            CHECK(same_tree(&files[i], &trees[i]));
            int error = 0;
            if (i != DAMAGED) CHECK(same_content(&files[i], false, NULL));
            else CHECK(!same_content(&files[i], false, &error) && error == EBADMSG);
        }
        int descriptor = open(on_mount(files[DAMAGED].name), O_RDONLY | O_CLOEXEC);
        uint8_t block[BLOCK];
        CHECK_FAILS(pread(descriptor, block, BLOCK, 2 * BLOCK), EBADMSG);
        close(descriptor);
        CHECK(unmount_volume());
        CHECK(mount_volume("read_timeout_ms=50"));
    }
    CHECK(unmount_volume());
    return true;
}

// MARK: fs-verity

static EVP_PKEY *key;
static X509 *certificate;

static bool make_key(void) {
    key = EVP_RSA_gen(2048);
    certificate = X509_new();
    CHECK(key && certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"checklist", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    return true;
}

// The way a program does: into the key ring .fs-verity, which it finds in /proc/keys.
static bool trust_certificate(void) {
    FILE *keys = fopen("/proc/keys", "r");
    CHECK(keys != NULL);
    char line[1024];
    long ring = -1;
    while (fgets(line, sizeof line, keys)) {
        if (strstr(line, " .fs-verity")) ring = strtol(line, NULL, 16);
    }
    fclose(keys);
    CHECK(ring >= 0);
    uint8_t *bytes = NULL;
    int length = i2d_X509(certificate, &bytes);
    CHECK(length > 0);
    CHECK(syscall(SYS_add_key, "asymmetric", "checklist", bytes, (size_t)length, ring) > 0);
    OPENSSL_free(bytes);
    return true;
}

// A detached PKCS#7 signature of a file's digest, as fs-verity formats it.
static bool sign(const uint8_t digest[DIGEST], uint8_t **signature, uint32_t *size) {
    uint8_t formatted[44] = "FSVerity";
    formatted[8] = 1;
    formatted[10] = DIGEST;
    memcpy(formatted + 12, digest, DIGEST);
    BIO *input = BIO_new_mem_buf(formatted, sizeof formatted);
    PKCS7 *signed_digest = PKCS7_sign(certificate, key, NULL, input, PKCS7_DETACHED | PKCS7_BINARY | PKCS7_NOATTR | PKCS7_NOCERTS);
    CHECK(signed_digest != NULL);
    *signature = NULL;
    int length = i2d_PKCS7(signed_digest, signature);
    CHECK(length > 0);
    *size = (uint32_t)length;
    PKCS7_free(signed_digest);
    BIO_free(input);
    return true;
}

static void describe(const struct test_file *file, const struct tree *tree, uint8_t descriptor[256]) {
    memset(descriptor, 0, 256);
    descriptor[0] = 1;
    descriptor[1] = 1;
    descriptor[2] = 12;
    memcpy(descriptor + 8, &file->size, 8);
    memcpy(descriptor + 16, tree->root, DIGEST);
}

static int enable(int descriptor, const uint8_t *signature, uint32_t size) {
    struct enable_verity arguments = {.version = 1, .algorithm = 1, .block_size = BLOCK, .signature_size = size, .signature = (uintptr_t)signature};
    return ioctl(descriptor, REQUEST_ENABLE_VERITY, &arguments);
}

static bool verity_flag(const char *path, bool should) {
    struct statx facts;
    CHECK(statx(AT_FDCWD, path, 0, STATX_ALL, &facts) == 0);
    CHECK(facts.stx_attributes_mask & STATX_ATTR_VERITY);
    CHECK_EQUAL((facts.stx_attributes & STATX_ATTR_VERITY) != 0, should);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    uint32_t flags = 0;
    CHECK(ioctl(descriptor, REQUEST_GETFLAGS, &flags) == 0);
    CHECK_EQUAL((flags & FLAG_VERITY) != 0, should);
    close(descriptor);
    return true;
}

static bool is_sealed(const struct test_file *file, const struct tree *tree, const uint8_t *signature, uint32_t size) {
    CHECK(verity_flag(on_mount(file->name), true));
    int descriptor = open(on_mount(file->name), O_RDONLY | O_CLOEXEC);
    CHECK(descriptor >= 0);
    uint8_t described[256], digest[DIGEST], found[16128];
    describe(file, tree, described);
    sha256(described, sizeof described, digest);
    struct measure_verity measured = {.size = DIGEST};
    CHECK(ioctl(descriptor, REQUEST_MEASURE_VERITY, &measured) == 0);
    CHECK_EQUAL(measured.algorithm, 1);
    CHECK_EQUAL(measured.size, DIGEST);
    CHECK(memcmp(measured.digest, digest, DIGEST) == 0);
    if (size > 0) {
        CHECK_EQUAL(verity_metadata(descriptor, VERITY_SIGNATURE, 0, found, sizeof found), size);
        CHECK(memcmp(found, signature, size) == 0);
    } else {
        CHECK_FAILS(verity_metadata(descriptor, VERITY_SIGNATURE, 0, found, sizeof found), ENODATA);
    }
    CHECK_EQUAL(verity_metadata(descriptor, VERITY_DESCRIPTOR, 0, found, sizeof found), sizeof described);
    CHECK(memcmp(found, described, sizeof described) == 0);
    CHECK_FAILS(enable(descriptor, NULL, 0), EEXIST);
    close(descriptor);
    return true;
}

static bool verity_round(bool with_signatures) {
    enum { SEALED = FILES - 1 };
    struct tree trees[SEALED];
    uint8_t *signatures[SEALED] = {0};
    uint32_t sizes[SEALED] = {0};
    CHECK(mount_volume("readahead=0"));
    int commands = open_commands();
    for (int i = 0; i < SEALED; i++) {
        const struct test_file *file = &files[i];
        CHECK(build_tree(file, &trees[i]));
        CHECK(create_with_tree(commands, file, &trees[i]));
        if (trees[i].blocks > 0) {
            int loading = open_to_fill(commands, file);
            CHECK_EQUAL(load_hashes(loading, &trees[i]), trees[i].blocks);
            close(loading);
        }
        CHECK(verity_flag(on_mount(file->name), false));
        uint8_t described[256], digest[DIGEST], *wrong;
        uint32_t wrong_size;
        describe(file, &trees[i], described);
        sha256(described, sizeof described, digest);
        if (with_signatures) CHECK(sign(digest, &signatures[i], &sizes[i]));
        digest[0] ^= 1;
        CHECK(sign(digest, &wrong, &wrong_size));
        int descriptor = open(on_mount(file->name), O_RDONLY | O_CLOEXEC);
        CHECK(enable(descriptor, wrong, wrong_size) != 0);
        CHECK(enable(descriptor, signatures[i], sizes[i]) == 0);
        close(descriptor);
        CHECK(is_sealed(file, &trees[i], signatures[i], sizes[i]));
    }
    close(commands);
    CHECK(unmount_volume());
    CHECK(mount_volume("readahead=0"));
    commands = open_commands();
    for (int i = 0; i < SEALED; i++) {
        CHECK(is_sealed(&files[i], &trees[i], signatures[i], sizes[i]));
        CHECK(unlink(on_mount(files[i].name)) == 0);
    }
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_verity(void) {
    CHECK(make_key());
    CHECK(verity_round(false));
    CHECK(trust_certificate());
    CHECK(verity_round(true));
    return true;
}

bool row_enable_verity(void) {
    enum { SEALED = FILES - 1 };
    CHECK(mount_volume("read_timeout_ms=0"));
    int commands = open_commands();
    for (int i = 0; i < SEALED; i++) {
        CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
        // A tree can only be built of what is there.
        int descriptor = open(on_mount(files[i].name), O_RDONLY | O_CLOEXEC);
        CHECK_FAILS(enable(descriptor, NULL, 0), ETIME);
        CHECK(emit_file(commands, &files[i]));
        CHECK(enable(descriptor, NULL, 0) == 0);
        close(descriptor);
    }
    close(commands);
    CHECK(unmount_volume());
    CHECK(mount_volume("read_timeout_ms=0"));
    for (int i = 0; i < SEALED; i++) {
        uint8_t buffer[BLOCK];
        struct read_signature arguments = {.buffer = (uintptr_t)buffer, .buffer_size = sizeof buffer};
        int descriptor = open(on_mount(files[i].name), O_RDONLY | O_CLOEXEC);
        CHECK(ioctl(descriptor, REQUEST_READ_FILE_SIGNATURE, &arguments) == 0);
        CHECK(arguments.length > 0);
        close(descriptor);
        struct tree tree;
        CHECK(build_tree(&files[i], &tree));
        CHECK(is_sealed(&files[i], &tree, NULL, 0));
        CHECK(same_content(&files[i], false, NULL));
        free(tree.bytes);
    }
    CHECK(unmount_volume());
    return true;
}

bool row_mapped_memory(void) {
    enum { BLOCKS = 256 };
    struct test_file file = {.index = 3, .name = "mapped", .size = BLOCKS * BLOCK};
    identity_of(file.name, file.identity);
    hex_of(file.identity, file.hex);
    struct tree tree;
    CHECK(mount_volume("read_timeout_ms=0"));
    int commands = open_commands();
    CHECK(build_tree(&file, &tree));
    CHECK(create_with_tree(commands, &file, &tree));
    CHECK(emit_file(commands, &file));
    // The second leaf: nothing from block 128 on can be checked.
    tree.bytes[(size_t)(tree.leaves_at + 1) * BLOCK] ^= 0xff;
    int loading = open_to_fill(commands, &file);
    CHECK_EQUAL(load_hashes(loading, &tree), tree.blocks);
    close(loading);
    int descriptor = open(on_mount(file.name), O_RDONLY | O_CLOEXEC);
    uint8_t *memory = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(mlock(memory, BLOCK) == 0);
    CHECK(munlock(memory, BLOCK) == 0);
    CHECK(mlock(memory + 128 * BLOCK, BLOCK) != 0);
    CHECK(mlock(memory + 127 * BLOCK, BLOCK) == 0);
    CHECK(munlock(memory + 127 * BLOCK, BLOCK) == 0);
    CHECK(mlock(memory + 127 * BLOCK, 2 * BLOCK) != 0);
    CHECK(munmap(memory, file.size) == 0);
    close(descriptor);
    close(commands);
    CHECK(unmount_volume());
    return true;
}
