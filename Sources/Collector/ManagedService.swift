import NIOPosix
import ServiceLifecycle
package import ServiceManager

/// Tells the service manager that the collector lives, while its event loop and its tasks get on, and
/// that it stops.
package struct ManagedService: Service {
    private let manager: ServiceManager

    /// `manager` is the one to tell.
    package init(_ manager: ServiceManager) { self.manager = manager }

    /// Runs until graceful shutdown or cancellation.
    package func run() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        await withGracefulShutdownHandler {
            await cancelWhenGracefulShutdown {
                await manager.keepAlive { (try? await loop.submit {}.get()) != nil }
            }
            try? await gracefulShutdown()
        } onGracefulShutdown: {
            manager.tell(.stopping)
        }
    }
}
