# find_package(hubel): the targets hubel::hubel (everything) and hubel::core (without data sets, images and files).
# The static libraries are linked with what they were built on, so that is looked for again.
include(${CMAKE_CURRENT_LIST_DIR}/HubelDependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/hubelTargets.cmake)
