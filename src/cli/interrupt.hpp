// Ctrl-C, kindly: the first asks the work to stop where it can, the second ends the program.
#pragma once

namespace hubel::cli {

// From now on SIGINT and SIGTERM set a flag; a second one has its usual effect.
void catch_interrupts();
bool interrupted();
// How the program then ends: 128 + the signal's number, as shells have it: 130 after Ctrl-C.
int interrupted_code();

}  // namespace hubel::cli
