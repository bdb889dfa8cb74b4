import Glibc
import LinuxSystem

/// A certificate authority of the test's own, made with Debian's openssl(1) in a directory that ends with it.
public final class TestAuthority: Sendable {
    public struct Certificate: Sendable {
        /// PEM files.
        public var file: String
        public var key: String
    }
    public struct Failure: Error { public var message: String }

    private let directory: String
    /// The authority's own certificate: what clients are to believe.
    public var file: String { "\(directory)/ca.pem" }

    public init() throws {
        var template = Array("/tmp/test-authority-XXXXXX".utf8CString)
        directory = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)!) }
        try openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "\(directory)/ca.key", "-out", file,
                    "-days", "2", "-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign")
    }

    deinit { _ = try? SystemCalls.wait(for: SystemCalls.spawn("/bin/rm", ["rm", "-rf", directory], descriptors: [-1, -1, -1])) }

    /// A certificate for `names` (`DNS:localhost`, `IP:127.0.0.1`, …), signed by the authority and over since yesterday if `expired`.
    public func certificate(_ name: String, names: String = "DNS:localhost,IP:127.0.0.1,IP:0.0.0.0", expired: Bool = false) throws -> Certificate {
        let made = Certificate(file: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
        try openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", made.key, "-out", "\(directory)/\(name).csr",
                    "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)")
        try openssl("x509", "-req", "-in", "\(directory)/\(name).csr", "-CA", file, "-CAkey", "\(directory)/ca.key", "-CAcreateserial", "-copy_extensions", "copy",
                    "-days", expired ? "-1" : "1", "-out", made.file)
        return made
    }

    /// A certificate that nobody but itself vouches for.
    public func selfSigned() throws -> Certificate {
        let made = Certificate(file: "\(directory)/self.pem", key: "\(directory)/self.key")
        try openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", made.key, "-out", made.file,
                    "-days", "1", "-subj", "/CN=self", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        return made
    }

    private func openssl(_ arguments: String...) throws {
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        let pid = try SystemCalls.spawn("/usr/bin/openssl", ["openssl"] + arguments, descriptors: [null.rawValue, null.rawValue, null.rawValue])
        guard try SystemCalls.wait(for: pid)?.status == 0 else { throw Failure(message: "openssl \(arguments.joined(separator: " ")) failed") }
    }
}
