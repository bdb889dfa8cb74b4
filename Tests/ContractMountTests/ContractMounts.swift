import Testing

/// One after the other: rows of the check-list have time limits of their own, and two of them would take each other's processors.
@Suite(.serialized) enum ContractMounts {}
