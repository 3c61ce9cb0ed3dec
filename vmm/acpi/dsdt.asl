// SPDX-License-Identifier: GPL-2.0
/*
 * The devices of the machine that no bus tells of. One table for every config:
 * what need not be there asks the configuration bytes at the ROM's beginning.
 */
DefinitionBlock ("", "DSDT", 2, "VMM", "VMM", 1)
{
	/* struct acpi_machine of acpi.c */
	OperationRegion (CONF, SystemMemory, 0xE0000, 16)
	Field (CONF, ByteAcc, NoLock, Preserve)
	{
		COMS, 8,	// bit n: COM(n+1) is there
		PVPN, 8,	// pvpanic is there
		HPTP, 8,	// the HPET is there
	}

	/* Soft off: SLP_TYP is 5. No other sleeping state. */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Method (COMP, 1, NotSerialized)
		{
			If ((COMS >> Arg0) & 1) {
				Return (0x0F)
			}
			Return (0)
		}

		/* What is taken by hardware that has no device of its own here. */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0600, 0x0600, 1, 0x0C)
				IO (Decode16, 0x0620, 0x0620, 1, 0x04)
				IO (Decode16, 0x0CF9, 0x0CF9, 1, 0x01)
				Memory32Fixed (ReadWrite, 0xFEC00000, 0x1000)
				Memory32Fixed (ReadWrite, 0xFEE00000, 0x1000)
			})
		}

		Device (PIC)
		{
			Name (_HID, EisaId ("PNP0000"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0020, 0x0020, 1, 2)
				IO (Decode16, 0x00A0, 0x00A0, 1, 2)
				IO (Decode16, 0x04D0, 0x04D0, 1, 2)
				IRQNoFlags () { 2 }
			})
		}

		Device (TIMR)
		{
			Name (_HID, EisaId ("PNP0100"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0040, 0x0040, 1, 4)
				IRQNoFlags () { 0 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
				IRQNoFlags () { 8 }
			})
		}

		Device (HPET)
		{
			Name (_HID, EisaId ("PNP0103"))
			Name (_UID, 0)
			Method (_STA)
			{
				If (HPTP) {
					Return (0x0F)
				}
				Return (0)
			}
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xFED00000, 0x400)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Method (_STA) { Return (COMP (0)) }
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (COM2)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 2)
			Method (_STA) { Return (COMP (1)) }
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x02F8, 0x02F8, 1, 8)
				IRQNoFlags () { 3 }
			})
		}

		Device (COM3)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 3)
			Method (_STA) { Return (COMP (2)) }
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03E8, 0x03E8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (COM4)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 4)
			Method (_STA) { Return (COMP (3)) }
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x02E8, 0x02E8, 1, 8)
				IRQNoFlags () { 3 }
			})
		}

		/* A byte port by which the guest's kernel says that it panicked. */
		Device (PEVT)
		{
			Name (_HID, "QEMU0001")
			Method (_STA)
			{
				If (PVPN) {
					Return (0x0F)
				}
				Return (0)
			}
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0505, 0x0505, 1, 1)
			})
		}
	}
}
