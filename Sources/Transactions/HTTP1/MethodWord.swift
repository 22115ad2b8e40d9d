// Hot path: allocates nothing.
import Glibc

/// What a word is in the place of a method, where the bytes before it are not known.
enum MethodWord {
    case registered
    /// No method that is registered, and the end of one that is.
    case end
    /// Perhaps a method that is not registered, perhaps the end of one.
    case other

    /// Each between two spaces.
    ///
    /// Source: IANA, HTTP Method Registry, without methods that have a hyphen.
    fileprivate static var registry: StaticString {
        """
         ACL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY \
        MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND \
        PROPPATCH PUT QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE \
        UPDATEREDIRECTREF\u{20}
        """
    }
}

extension UnsafeRawBufferPointer {
    /// What the word is that begins these bytes and ends with a space.
    var methodWord: MethodWord {
        guard let start = baseAddress, let space = memchr(start, 0x20, Swift.min(count, 20)) else {
            return .other
        }
        let length = UnsafeRawPointer(space) - start + 1
        let registry = MethodWord.registry.utf8Start
        var word = MethodWord.other
        for end in length..<MethodWord.registry.utf8CodeUnitCount where registry[end] == 0x20 {
            guard memcmp(registry + (end + 1 - length), start, length) == 0 else { continue }
            if registry[end - length] == 0x20 { return .registered }
            word = .end
        }
        return word
    }
}
