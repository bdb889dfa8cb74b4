import BlockLoading
import Glibc
import LinuxSystem
import NIOSSL

/// The certificate with which this client shows who it is, and its key.
struct ClientCertificate {
    private let chain: String
    private let key: String

    /// nil if there is none.
    init?(_ secrets: OriginSecrets) {
        guard let chain = secrets.clientCertificate else { return nil }
        self.chain = chain
        key = secrets.clientKey ?? chain
    }

    /// Reads both files. Short and local: a few KiB of a disk, once for a client.
    func added(to configuration: TLSConfiguration) throws(SourceError) -> TLSConfiguration {
        var configuration = configuration
        do {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(chain).map { .certificate($0) }
        } catch { throw SourceError(.final(errno: EACCES), "the client certificate \(chain) cannot be read: it has to be a PEM file") }
        do {
            let mode = try SystemCalls.status(of: FilePath(key)).mode
            guard mode & 0o077 == 0 else { throw SourceError(.final(errno: EACCES), "others may read the private key \(key): chmod 600 '\(key)'") }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        } catch let error as SourceError { throw error } catch {
            throw SourceError(.final(errno: EACCES), "the private key \(key) of the client certificate cannot be read: it has to be a PEM file without a passphrase")
        }
        return configuration
    }
}
