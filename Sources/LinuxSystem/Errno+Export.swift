/// The field's error type: every typed error of this target is an `Errno` of swift-system.
@_exported import struct SystemPackage.Errno
@_exported import struct SystemPackage.FilePath
