import PackageFormat

extension TreeNode {
    /// The number of the object that holds the content; nil for what has none.
    public var objectNumber: UInt32? { object == Self.none ? nil : object }
}
