import Synchronization

/// How often something may be done, as a bucket that calls take from and time fills.
public struct CallRate: Sendable, Equatable {
    /// How many calls a second fill the bucket.
    public var perSecond: Double
    /// How many calls may come at once.
    public var burst: Double

    /// Creates a rate.
    public init(perSecond: Double, burst: Double) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// Buckets by key, such as an address, in memory that is bounded whatever keys come.
///
/// Two generations of at most half the capacity each: a key that comes moves into the younger one, and when that is full the
/// older one is forgotten. A forgotten key starts with a full bucket.
struct Buckets<Key: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var level: Double
        var time: Double
    }

    private var young: [Key: Bucket] = [:]
    private var old: [Key: Bucket] = [:]
    private let rate: CallRate
    private let half: Int

    init(_ rate: CallRate, remembered: Int) {
        self.rate = rate
        half = max(1, remembered / 2)
    }

    /// Takes one out of a bucket.
    ///
    /// - Parameters:
    ///   - key: Whose bucket.
    ///   - now: Seconds. A clock that was set back fills nothing, and empties nothing either.
    /// - Returns: Nil when there was one, else how many seconds it takes until there is.
    mutating func take(_ key: Key, now: Double) -> Int? {
        var bucket = young[key] ?? old.removeValue(forKey: key) ?? Bucket(level: rate.burst, time: now)
        bucket.level = min(rate.burst, bucket.level + max(0, now - bucket.time) * rate.perSecond)
        bucket.time = now
        let isAdmitted = bucket.level >= 1
        if isAdmitted { bucket.level -= 1 }
        if young.count >= half, young[key] == nil {
            swap(&young, &old)
            // The storage is kept: a flood of keys must not turn into one of allocations.
            young.removeAll(keepingCapacity: true)
        }
        young[key] = bucket
        return isAdmitted ? nil : max(1, Int(((1 - bucket.level) / rate.perSecond).rounded(.up)))
    }

    /// How many keys are remembered.
    var count: Int { young.count + old.count }
}

/// Buckets that many tasks take from.
final class Allowances<Key: Hashable & Sendable>: Sendable {
    private let buckets: Mutex<Buckets<Key>>

    init(_ rate: CallRate, remembered: Int) { buckets = Mutex(Buckets(rate, remembered: remembered)) }

    /// Takes one out of a bucket, see ``Buckets/take(_:now:)``.
    func admit(_ key: Key, now: Double) -> Int? { buckets.withLock { $0.take(key, now: now) } }
}
