# Turns schema/NNNN_name.sql into a C header: an array of migrations in order of their number.
# Usage: cmake -DOUT=file.h -DIN="a.sql;b.sql" -P embed.cmake
separate_arguments(IN)
list(SORT IN)
set(text "/* Made from schema/ by schema/embed.cmake. */\n#pragma once\nstatic const char *const schema_migrations[] = {\n")
foreach(file IN LISTS IN)
	file(READ ${file} sql)
	string(REPLACE "\\" "\\\\" sql "${sql}")
	string(REPLACE "\"" "\\\"" sql "${sql}")
	string(REPLACE "\n" "\\n\"\n\t\"" sql "${sql}")
	string(APPEND text "\t\"${sql}\",\n")
endforeach()
string(APPEND text "};\n")
file(WRITE ${OUT} "${text}")
