#include "CSignature.h"
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

int csignature_check(const uint8_t *signature, size_t signature_size, const uint8_t *data, size_t data_size, const uint8_t *certificates, size_t certificates_size) {
    if (signature_size > INT_MAX || data_size > INT_MAX || certificates_size > INT_MAX) return CSIGNATURE_MALFORMED;
    const unsigned char *at = signature;
    PKCS7 *message = d2i_PKCS7(NULL, &at, (long)signature_size);
    STACK_OF(X509) *trusted = sk_X509_new_null();
    BIO *text = BIO_new_mem_buf(certificates, (int)certificates_size), *input = BIO_new_mem_buf(data, (int)data_size);
    int result = CSIGNATURE_MALFORMED;
    if (message && PKCS7_type_is_signed(message) && trusted && text && input) {
        for (X509 *one; (one = PEM_read_bio_X509(text, NULL, NULL, NULL));) sk_X509_push(trusted, one);
        result = sk_X509_num(trusted) > 0
                && PKCS7_verify(message, trusted, NULL, input, NULL, PKCS7_BINARY | PKCS7_NOINTERN | PKCS7_NOVERIFY) == 1
            ? CSIGNATURE_GOOD : CSIGNATURE_REFUSED;
    }
    ERR_clear_error();
    PKCS7_free(message);
    sk_X509_pop_free(trusted, X509_free);
    BIO_free(text);
    BIO_free(input);
    return result;
}
