import GRPCCore
import Verifier
import WireFormat

/// `attestation.AttestationService` over gRPC.
struct AttestationCalls: Attestation_AttestationService.SimpleServiceProtocol {
    let service: EvaluationService

    func attestationEvaluate(
        request: Attestation_AttestationRequest, context: ServerContext
    ) async throws -> Attestation_AttestationResponse {
        let requests = request.verificationRequests
        let token = try await answering { () async throws(ServiceFailure) in
            try await service.evaluate(policies: request.policyIds) { () throws(WireError) in
                guard requests.count <= AttestationEvaluator.submissionLimit else {
                    throw WireError(
                        field: "verification_requests", reason: "are more than \(AttestationEvaluator.submissionLimit)")
                }
                var submissions: [Submission] = []
                for request in requests { submissions.append(try Submission(request)) }
                return submissions
            }
        }
        return .with { $0.attestationToken = token }
    }

    func setAttestationPolicy(
        request: Attestation_SetPolicyRequest, context: ServerContext
    ) async throws -> Attestation_SetPolicyResponse {
        try await answering { () async throws(ServiceFailure) in
            try await service.setPolicy(request.policyID, encoded: request.policy)
        }
        return Attestation_SetPolicyResponse()
    }

    func getAttestationChallenge(
        request: Attestation_ChallengeRequest, context: ServerContext
    ) async throws -> Attestation_ChallengeResponse {
        let challenge = try await answering { () async throws(ServiceFailure) in
            try service.challenge(tee: request.inner["tee"] ?? "")
        }
        return .with { $0.attestationChallenge = challenge }
    }
}

/// `reference.ReferenceValueProviderService` over gRPC.
struct ReferenceCalls: Reference_ReferenceValueProviderService.SimpleServiceProtocol {
    let service: EvaluationService

    func queryReferenceValue(
        request: Reference_ReferenceValueQueryRequest, context: ServerContext
    ) async throws -> Reference_ReferenceValueQueryResponse {
        var response = Reference_ReferenceValueQueryResponse()
        if let value = service.referenceValue(request.referenceValueID) { response.referenceValueResults = value }
        return response
    }

    func registerReferenceValue(
        request: Reference_ReferenceValueRegisterRequest, context: ServerContext
    ) async throws -> Reference_ReferenceValueRegisterResponse {
        try await answering { () async throws(ServiceFailure) in try service.register(message: request.message) }
        return Reference_ReferenceValueRegisterResponse()
    }
}

/// `grpc.health.v1.Health`: the service serves as long as it answers.
struct HealthCalls: Grpc_Health_V1_Health.SimpleServiceProtocol {
    private static let services: Set<String> = [
        "", "attestation.AttestationService", "reference.ReferenceValueProviderService",
    ]

    func check(
        request: Grpc_Health_V1_HealthCheckRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard Self.services.contains(request.service) else {
            throw RPCError(code: .notFound, message: "there is no such service")
        }
        return .with { $0.status = .serving }
    }

    func watch(
        request: Grpc_Health_V1_HealthCheckRequest, response: RPCWriter<Grpc_Health_V1_HealthCheckResponse>,
        context: ServerContext
    ) async throws {
        let isKnown = Self.services.contains(request.service)
        try await response.write(.with { $0.status = isKnown ? .serving : .serviceUnknown })
        // The state does not change before the server ends, which ends the call.
        try await context.cancellation.cancelled
    }
}

/// Answers with gRPC's status for a failure.
private func answering<Value>(_ body: () async throws(ServiceFailure) -> Value) async throws(RPCError) -> Value {
    do {
        return try await body()
    } catch {
        throw RPCError(error)
    }
}

extension RPCError {
    init(_ failure: ServiceFailure) {
        let code: RPCError.Code =
            switch failure.kind {
            case .malformed: .invalidArgument
            case .unauthenticated: .unauthenticated
            case .forbidden, .refused: .permissionDenied
            case .unsupported: .unimplemented
            case .failed: .internalError
            }
        self.init(code: code, message: failure.reason)
    }
}

/// Asks each call for its bearer token before anything of it is read.
struct AuthorizingInterceptor: ServerInterceptor {
    let authorizer: CallAuthorizer

    /// What each method needs; one that is not listed needs an administrator.
    private static let needed: [String: CallAuthorizer.Role] = [
        "attestation.AttestationService/AttestationEvaluate": .client,
        "attestation.AttestationService/GetAttestationChallenge": .client,
        "reference.ReferenceValueProviderService/QueryReferenceValue": .client,
        // A watch lasts as long as its caller likes: not for strangers.
        "grpc.health.v1.Health/Check": .anyone, "grpc.health.v1.Health/Watch": .client,
    ]

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next: @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let tokens = Array(request.metadata[stringValues: "authorization"])
        do {
            try authorizer.require(
                Self.needed[context.descriptor.fullyQualifiedMethod] ?? .administrator,
                authorization: tokens.count == 1 ? tokens[0] : nil)
        } catch {
            throw RPCError(error)
        }
        return try await next(request, context)
    }
}
