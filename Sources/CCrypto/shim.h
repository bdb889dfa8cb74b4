// libcrypto's one-shot-free SHA-256 interface: no allocation per hash.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
