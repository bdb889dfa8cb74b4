// A detached PKCS#7 signature against certificates, by libcrypto: a shim over PKCS7_verify(3).
#ifndef INCFS_CSIGNATURE_H
#define INCFS_CSIGNATURE_H

#include <stddef.h>
#include <stdint.h>

enum { CSIGNATURE_GOOD = 0, CSIGNATURE_MALFORMED = 1, CSIGNATURE_REFUSED = 2 };
// `certificates` is PEM text with one or more certificates, any of which may have signed; none is looked for in the signature.
int csignature_check(const uint8_t *signature, size_t signature_size, const uint8_t *data, size_t data_size, const uint8_t *certificates, size_t certificates_size);

#endif
