//! Which provider runs how much of a graph, as ONNX Runtime assigned it. The binding has no safe form of this.

use ort::AsPointer;
use ort::session::Session;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::ptr;
use std::slice;

/// The session option without which ONNX Runtime keeps no record.
pub const RECORD: &str = "session.record_ep_graph_assignment_info";

/// Adds the number of operators that each provider runs to `operators`, by ONNX Runtime's name of the provider.
pub fn count(session: &Session, operators: &mut BTreeMap<String, usize>) -> ort::Result<()> {
    let api = ort::api();
    let (mut groups, mut count) = (ptr::null(), 0);
    // SAFETY: the session is alive, and both pointers are to locals that the call fills in.
    let status = unsafe { (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &mut groups, &mut count) };
    // SAFETY: this is the status of that call, taken once.
    unsafe { ort::Error::result_from_status(status) }?;
    // SAFETY: on success these are `count` elements that live as long as the session.
    for &group in unsafe { elements(groups, count) } {
        let (mut name, mut nodes, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: `group` is an element of the session's record; the pointer is to a local that the call fills in.
        let status = unsafe { (api.EpAssignedSubgraph_GetEpName)(group, &mut name) };
        // SAFETY: this is the status of that call, taken once.
        unsafe { ort::Error::result_from_status(status) }?;
        // SAFETY: as for the name.
        let status = unsafe { (api.EpAssignedSubgraph_GetNodes)(group, &mut nodes, &mut size) };
        // SAFETY: this is the status of that call, taken once.
        unsafe { ort::Error::result_from_status(status) }?;
        if !name.is_null() {
            // SAFETY: not null, and a string of the session's record that ends in NUL.
            let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
            *operators.entry(name).or_default() += size;
        }
    }
    Ok(())
}

/// A slice of what may be null when it is empty.
///
/// # Safety
///
/// `first` points to `count` elements that outlive the slice, or `count` is 0.
unsafe fn elements<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller promises `count` elements.
    unsafe { slice::from_raw_parts(first, count) }
}
