# Every tests/{unit,runtime}/test_*.c is a program of its own and one ctest case; pytest suites are
# one case per file.
if(NOT FERRYD_TESTS)
	return()
endif()
enable_testing()
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

set(test_environment
	"ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=0"
	"UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
	"TSAN_OPTIONS=halt_on_error=1")

file(GLOB test_sources CONFIGURE_DEPENDS tests/unit/test_*.c tests/runtime/test_*.c)
foreach(source IN LISTS test_sources)
	get_filename_component(name ${source} NAME_WE)
	get_filename_component(folder ${source} DIRECTORY)
	get_filename_component(folder ${folder} NAME) # ctest -L runtime: what a TSan build should run
	add_executable(${name} ${source})
	target_link_libraries(${name} PRIVATE control route store adapters config runtime base
		PkgConfig::CMOCKA)
	target_compile_definitions(${name} PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
	add_test(NAME ${name} COMMAND ${name})
	set_tests_properties(${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS ${folder}
		ENVIRONMENT "${test_environment}")
endforeach()

# ---- fuzz targets (tests/fuzz/README.md) ---------------------------------------------------------

# Each tests/fuzz/fuzz_NAME.c is a program: libFuzzer's with FERRYD_FUZZ, else one that plays the
# corpus and a few thousand fixed mutations of it.
file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
add_custom_target(fuzz)
foreach(source IN LISTS fuzz_sources)
	get_filename_component(name ${source} NAME_WE)
	string(REPLACE "fuzz_" "" subject ${name})
	set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${subject})
	add_executable(${name} ${source})
	target_link_libraries(${name} PRIVATE control route store adapters config runtime base)
	add_dependencies(fuzz ${name})
	if(FERRYD_FUZZ)
		target_link_options(${name} PRIVATE -fsanitize=fuzzer)
		add_test(NAME ${name} COMMAND ${name} -runs=0 -timeout=10 ${corpus})
	else()
		target_sources(${name} PRIVATE tests/fuzz/replay.c)
		add_test(NAME ${name} COMMAND ${name} ${corpus})
	endif()
	set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS fuzz
		ENVIRONMENT "${test_environment}")
endforeach()

# ---- the plan of the house, and static analysis -------------------------------------------------

set(python /usr/bin/python3)
add_test(NAME lint COMMAND ${python} ${CMAKE_SOURCE_DIR}/tests/lint/lint.py ${CMAKE_SOURCE_DIR})
foreach(tool tidy cppcheck)
	add_test(NAME lint_${tool}
		COMMAND sh ${CMAKE_SOURCE_DIR}/tests/lint/static.sh ${tool} ${CMAKE_BINARY_DIR})
	# They start early and run beside the tests that wait.
	set_tests_properties(lint_${tool} PROPERTIES TIMEOUT 1500 COST 100 LABELS lint)
endforeach()
set_tests_properties(lint PROPERTIES LABELS lint)

add_test(NAME systemd_unit COMMAND sh ${CMAKE_SOURCE_DIR}/tests/systemd/test_unit.sh
	${CMAKE_BINARY_DIR}/ferryd.service)
set_tests_properties(systemd_unit PROPERTIES TIMEOUT 60 SKIP_RETURN_CODE 77)

# ---- pytest: real servers, bad days, crashes -----------------------------------------------------

file(GLOB suites CONFIGURE_DEPENDS tests/integration/test_*.py tests/faults/test_*.py
	tests/crash/test_*.py)
foreach(suite IN LISTS suites)
	get_filename_component(name ${suite} NAME_WE)
	get_filename_component(folder ${suite} DIRECTORY)
	get_filename_component(folder ${folder} NAME)
	string(REPLACE "test_" "${folder}_" name ${name})
	add_test(NAME ${name} COMMAND ${python} -m pytest -q -rs -p no:cacheprovider
		-W ignore::DeprecationWarning ${suite})
	set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS ${folder}
		ENVIRONMENT "${test_environment};FERRYD_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
	if(folder STREQUAL crash)
		set_tests_properties(${name} PROPERTIES COST 90)
	endif()
endforeach()
