# Cross-compiling for 64-bit Arm on Debian: the compiler is the package g++-aarch64-linux-gnu, libraries are those of
# build/arm-packages, where `scripts/test --arm` unpacks them, and programs run under qemu (the package qemu-user).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

get_filename_component(arm_packages ${CMAKE_CURRENT_LIST_DIR}/../build/arm-packages ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH ${arm_packages} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${arm_packages})
