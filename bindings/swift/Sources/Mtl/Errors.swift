import CMtl

/// What a call came to, as the C ABI numbers it. Versions of libmtl to come may have more.
public struct Code: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    private init(_ number: Int32) { rawValue = number }

    /// An argument is wrong: an unknown task, language or option.
    public static let argument = Code(1)
    /// The text that was given is malformed.
    public static let input = Code(2)
    /// The operating system refused: no such file, no permission, a full disk.
    public static let io = Code(3)
    /// A bundle is malformed.
    public static let bundle = Code(4)
    /// A bundle's bytes are not those that its manifest promises.
    public static let integrity = Code(5)
    /// A stated limit was exceeded.
    public static let limit = Code(6)
    /// An engine could not be opened, or failed while it ran.
    public static let engine = Code(7)
    /// A required execution provider is not available.
    public static let provider = Code(8)
    /// The call was cancelled.
    public static let cancelled = Code(9)
    /// The call's timeout has passed.
    public static let deadline = Code(10)
    /// libmtl has a defect: it panicked. Please report it.
    public static let panic = Code(11)
    /// An earlier call on this object ended in `panic`.
    public static let poisoned = Code(12)
    /// The object was made before `fork()`, and this is the child.
    public static let forked = Code(13)
    /// This build or this version of libmtl cannot do it.
    public static let unsupported = Code(14)
}

/// A failure that libmtl reports.
public struct MtlError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public let code: Code
    /// For people: where, what was wrong, and what to do.
    public let message: String
    /// Where it was: a file, a token, an offset. It may be empty, as `fault` and `remedy` may.
    public let place: String
    /// What was wrong.
    public let fault: String
    /// What to do.
    public let remedy: String

    public var description: String { message }

    /// An error that C does not get to see.
    init(code: Code, _ fault: String, _ remedy: String) {
        (self.code, self.fault, self.remedy) = (code, fault, remedy)
        (place, message) = ("", "\(fault); \(remedy)")
    }

    /// A copy of an error object; without one, there is the status alone.
    init(status: Int32, _ error: OpaquePointer?) {
        code = Code(rawValue: status)
        message = error == nil ? String(cString: mtl_status_name(status)) : lent { mtl_error_message(error, $0) }
        func detail(_ key: String) -> String { lent { mtl_error_detail(error, key, key.utf8.count, $0) } }
        (place, fault, remedy) = (detail("place"), detail("fault"), detail("remedy"))
    }
}

/// The place for an error object that a call of C's takes last.
typealias ErrorPlace = UnsafeMutablePointer<OpaquePointer?>

/// Makes a call of C's and throws what went wrong.
func checked(_ call: (ErrorPlace) -> Int32) throws {
    var error: OpaquePointer?
    let status = call(&error)
    defer { mtl_error_free(error) }
    if status != 0 { throw MtlError(status: status, error) }
}
