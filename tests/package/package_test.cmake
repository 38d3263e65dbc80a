# Installs the build into a fresh prefix, then builds and runs a program that finds it there. Variables: BUILD (the
# build to install), SOURCE (this folder's project root), WORK (a folder of its own, made anew), COMPILER, GENERATOR.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nfailed with ${result}:\n${output}")
  endif()
endfunction()

set(consumer ${SOURCE}/tests/package/consumer)
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component library)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${consumer} -B ${WORK}/found -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_CXX_COMPILER=${COMPILER}
  -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK}/found)
# HUBEL_DATA_DIR would hide that the installed data set is found.
run(${CMAKE_COMMAND} -E env --unset=HUBEL_DATA_DIR ${WORK}/found/consumer)
run(${WORK}/found/embedded)
run(${WORK}/prefix/bin/hubel summary)
# As a part of another project: only configured, for building it would compile the library once more.
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${consumer} -B ${WORK}/subdirectory -DHUBEL_SOURCE=${SOURCE} -DCMAKE_CXX_COMPILER=${COMPILER})
