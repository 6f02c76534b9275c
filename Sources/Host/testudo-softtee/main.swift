import Glibc
import SoftTEE

exit(SoftTEECommand.run(Array(CommandLine.arguments.dropFirst())))
