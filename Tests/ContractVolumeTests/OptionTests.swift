import ContractVolume
import LinuxSystem
import Testing

@Suite struct OptionTests {
    @Test func defaults() throws {
        let options = try ContractOptions(parsing: "")
        #expect(options.readTimeoutMilliseconds == 1000 && options.readaheadPages == 10 && options.logPages == 2 && options.logWakeupCount == 10)
        #expect(!options.reportsUser && options.counterName == nil)
    }

    @Test func everyOption() throws {
        let options = try ContractOptions(parsing: "read_timeout_ms=0,,readahead=0x10,rlog_pages=010,rlog_wakeup_cnt=1,report_uid,sysfs_name=a node,")
        #expect(options.readTimeoutMilliseconds == 0 && options.readaheadPages == 16 && options.logPages == 8 && options.logWakeupCount == 1)
        #expect(options.reportsUser && options.counterName == "a node")
        #expect(options.description == "read_timeout_ms=0,readahead=16,rlog_pages=8,rlog_wakeup_cnt=1,report_uid,sysfs_name=a node")
        #expect(try ContractOptions(parsing: "readahead=1,readahead=2").readaheadPages == 2)
        #expect(try ContractOptions(parsing: "read_timeout_ms=3600000").readTimeoutMilliseconds == 3_600_000)
        #expect(try ContractOptions(parsing: "rlog_pages=2147483647").logPages == 2_147_483_647)
    }

    @Test(arguments: [
        "read_timeout_ms=3600001", "rlog_pages=2147483648", "readahead=-1", "readahead=+1", "readahead=", "readahead", "readahead=1x", "report_uid=1",
        "no_bf_cache=1", "unknown", "sysfs_name=", "sysfs_name=a/b", "sysfs_name=..", "rlog_pages=09",
    ]) func refused(text: String) {
        #expect { try ContractOptions(parsing: text) } throws: { ($0 as? ContractOptions.Refusal)?.errno == .invalidArgument }
    }

    @Test func remountKeepsTheSizeOfRecords() throws {
        let plain = try ContractOptions(parsing: ""), withUser = try ContractOptions(parsing: "report_uid")
        try plain.checkRemount(to: ContractOptions(parsing: "read_timeout_ms=5,sysfs_name=x"))
        #expect { try plain.checkRemount(to: withUser) } throws: { ($0 as? ContractOptions.Refusal)?.errno == .notSupportedOnSocket }
        #expect { try withUser.checkRemount(to: plain) } throws: { ($0 as? ContractOptions.Refusal)?.errno == .notSupportedOnSocket }
    }
}
