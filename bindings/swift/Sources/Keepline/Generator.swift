#if KEEPLINE_BENCH
    import KeeplineCore
    import KeeplineTypes

    /// Events that cost nothing but the crossing, as a stream: for the benchmark, with a library that has it.
    package func generatedEvents(_ count: UInt64) throws -> EventStream {
        let source = try coreGenerate(count: count)
        return EventStream(EventReader(.user, source: StreamSource(.user, source)))
    }
#endif
