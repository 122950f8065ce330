import CMtl

/// Owns an object of C's, and frees it.
final class Owned {
    let pointer: OpaquePointer
    private let free: (OpaquePointer?) -> Void

    /// `make` is the call that makes the object.
    init(free: @escaping (OpaquePointer?) -> Void, make: (ErrorPlace, UnsafeMutablePointer<OpaquePointer?>) -> Int32) throws {
        var made: OpaquePointer?
        try checked { make($0, &made) }
        // A call that succeeds has written what it makes.
        pointer = made!
        self.free = free
    }

    deinit { free(pointer) }
}

/// Strings one behind the other, and where each begins, and the end: as columns keep them.
struct Packed {
    private var bytes: [UInt8] = []
    private(set) var offsets: [UInt64] = [0]

    mutating func add(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        offsets.append(UInt64(bytes.count))
    }

    /// Lends the bytes to a call of C's, with their number.
    func lend<Value>(_ call: (UnsafePointer<CChar>?, Int) throws -> Value) rethrows -> Value {
        try bytes.withUnsafeBytes { try call($0.bindMemory(to: CChar.self).baseAddress, $0.count) }
    }
}

/// A copy of a string that C lends; empty where there is none.
func lent(_ read: (UnsafeMutablePointer<Int>) -> UnsafePointer<CChar>?) -> String {
    var length = 0
    guard let start = read(&length) else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
}

/// A column that C lends, to be copied before its owner is freed.
func column<Element>(_ start: UnsafePointer<Element>?, _ count: UInt32) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(start: count == 0 ? nil : start, count: count == 0 ? 0 : Int(count))
}

/// The size that a view of C's begins with.
func size<View>(of view: View.Type) -> UInt32 { UInt32(MemoryLayout<View>.size) }

/// Turns offsets in bytes, none less than the one before, into places of a text.
struct Places {
    private let text: String.UTF8View
    private var index: String.Index
    private var offset = 0

    init(_ text: String) {
        self.text = text.utf8
        index = text.utf8.startIndex
    }

    mutating func next(_ bytes: UInt32) -> String.Index {
        index = text.index(index, offsetBy: Int(bytes) - offset)
        offset = Int(bytes)
        return index
    }

    mutating func next(_ start: UInt32, _ end: UInt32) -> Range<String.Index> {
        let from = next(start)
        return from..<next(end)
    }
}
