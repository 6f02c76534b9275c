#pragma once

/// Exists so that the linker keeps the constructor of this target; does nothing.
void guest_init_link(void);
