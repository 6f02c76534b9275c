import Envelope
import ImageFormat
import Registry

/// Decides on an image with a policy, on the tenant's side, before its digest is registered (rule R23).
struct SignatureCheck: Sendable {
    /// The decision and why.
    struct Verdict: Sendable {
        let isAccepted: Bool
        /// Why it was refused, or what let it pass.
        let reason: String
        /// Whether the policy lets the image pass without looking at any signature.
        let acceptsAnything: Bool
    }

    let policy: SignaturePolicy
    let client: RegistryClient

    func verify(_ reference: ImageReference) async throws -> Verdict {
        let image = try await client.image(reference)
        let signatures = try await client.signatures(
            of: reference, digests: image.signableDigests, needs: policy.needs(for: reference))
        do {
            try policy.evaluate(reference, digests: image.signableDigests, signatures: signatures)
        } catch {
            return Verdict(isAccepted: false, reason: error.reason, acceptsAnything: false)
        }
        let acceptsAnything = policy.acceptsAnything(for: reference)
        let scope = policy.requirements(for: reference).scope
        let reason =
            acceptsAnything
            ? "insecureAcceptAnything in scope \"\(scope)\"" : "every requirement of scope \"\(scope)\" holds"
        return Verdict(isAccepted: true, reason: reason, acceptsAnything: acceptsAnything)
    }
}
