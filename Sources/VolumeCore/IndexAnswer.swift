import PackageFormat

/// What a look into the index gives.
enum IndexAnswer<Record> {
    case record(Record)
    /// Its page has to be loaded first.
    case notInstalled(LoadUnit)
    /// It breaks a rule of the format: the publisher's fault.
    case invalid(InvalidRecord)
}

extension PackageIndex {
    func lookUp(object number: Int) -> IndexAnswer<ObjectRecord> {
        answer(page(ofObject: number)) { () throws(InvalidRecord) in try object(number) }
    }
    func lookUp(extent number: Int) -> IndexAnswer<ExtentRecord> {
        answer(page(ofExtent: number)) { () throws(InvalidRecord) in try extent(number) }
    }
    func lookUp(chunk number: Int) -> IndexAnswer<ChunkRecord> {
        answer(page(ofChunk: number)) { () throws(InvalidRecord) in try chunk(number) }
    }

    private func answer<Record>(_ page: Int, _ look: () throws(InvalidRecord) -> Record?) -> IndexAnswer<Record> {
        do throws(InvalidRecord) {
            if let record = try look() { return .record(record) }
            return .notInstalled(LoadUnit(.indexPage, UInt64(page)))
        } catch { return .invalid(error) }
    }
}
