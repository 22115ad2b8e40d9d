/// What an entry of an agent's sequence is. The numbers are on the wire.
package enum EntryKind: UInt8, Sendable, Hashable {
    /// The record of a window.
    case window = 0
    /// Flows that were counted in a window, by digest.
    case completions = 1
}

/// Flows that one window counted, of scenarios whose duplicates are recognised among hosts.
///
/// A window has as many of these as it needs, none where it counted no such flow. They stand before
/// its record in the sequence: where the record is stored, they are.
package struct Completions: Sendable, Hashable {
    package var run: RunID
    /// In the same sequence as the records of the run.
    package var sequence: UInt64
    package var manifest: ManifestDigest
    /// The window of the record that follows.
    package var window: Window
    package var flows: [FlowCompletion]

    package init(
        run: RunID, sequence: UInt64, manifest: ManifestDigest, window: Window,
        flows: [FlowCompletion]
    ) {
        self.run = run
        self.sequence = sequence
        self.manifest = manifest
        self.window = window
        self.flows = flows
    }
}
