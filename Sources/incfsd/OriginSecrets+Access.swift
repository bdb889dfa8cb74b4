import ControlAPI
import HTTPSource

extension OriginSecrets {
    /// What a request says about a private origin.
    init(_ access: OriginAccess?) {
        self.init(
            headerFile: access?.headerFile, headerCommand: access?.headerCommand, clientCertificate: access?.clientCertificate, clientKey: access?.clientKey,
            netrc: access?.netrc)
    }
}
