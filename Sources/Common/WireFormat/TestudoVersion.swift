/// The version of this project: what programs print, and what manifests and measurements name.
public enum TestudoVersion {
    /// Its number.
    public static let text = "0.1.0"
}
