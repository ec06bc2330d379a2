"""What synthetic records measure: published codes of LOINC, and the SNOMED CT codes of answers.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

from stanforis.demo.concepts import LOINC, SNOMED, Concept, Panel, read_concepts, read_measurements

VITAL_SIGNS = read_measurements("""
    8302-2 cm 48 195 1 Body Height
    29463-7 kg 3 110 1 Body Weight
    39156-5 kg/m2 16 38 2 Body Mass Index
    8867-4 /min 55 110 0 Heart rate
    9279-1 /min 12 24 0 Respiratory rate
    8310-5 Cel 36 39.5 1 Body temperature
    8331-1 Cel 36 39.5 3 Oral temperature
    2708-6 % 88 100 1 Oxygen saturation in Arterial blood
    59408-5 % 88 100 0 Oxygen saturation in Arterial blood by Pulse oximetry
    59576-9 % 1 99 1 Body mass index (BMI) [Percentile] Per age and gender
    9843-4 cm 32 52 1 Head Occipital-frontal circumference
    8289-1 % 1 99 1 Head Occipital-frontal circumference Percentile
    77606-2 % 1 99 1 Weight-for-length Per age and sex
    72514-3 {score} 0 8 0 Pain severity - 0-10 verbal numeric rating [Score] - Reported
    11881-0 cm 12 38 0 Uterus Fundal height Tape measure
""")
SYSTOLIC, DIASTOLIC = read_measurements("""
    8480-6 mm[Hg] 95 165 0 Systolic Blood Pressure
    8462-4 mm[Hg] 60 105 0 Diastolic Blood Pressure
""")
BLOOD_PRESSURE = (
    Concept(LOINC, "85354-9", "Blood Pressure"),
    Concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
    Concept(LOINC, "55284-4", "Blood Pressure"),
)

_BASIC = """
    2339-0 mg/dL 65 180 2 Glucose
    6299-2 mg/dL 7 25 2 Urea Nitrogen
    38483-4 mg/dL 0.6 2.5 2 Creatinine
    49765-1 mg/dL 8.5 10.4 2 Calcium
    2947-0 mmol/L 134 146 2 Sodium
    6298-4 mmol/L 3.4 5.4 2 Potassium
    2069-3 mmol/L 98 112 2 Chloride
    20565-8 mmol/L 20 30 2 Carbon Dioxide
"""
_BASIC_BLOOD = """
    2345-7 mg/dL 65 180 1 Glucose [Mass/volume] in Serum or Plasma
    3094-0 mg/dL 7 25 1 Urea nitrogen [Mass/volume] in Serum or Plasma
    2160-0 mg/dL 0.6 2.5 1 Creatinine [Mass/volume] in Serum or Plasma
    17861-6 mg/dL 8.5 10.4 1 Calcium [Mass/volume] in Serum or Plasma
    2951-2 mmol/L 134 146 1 Sodium [Moles/volume] in Serum or Plasma
    2823-3 mmol/L 3.4 5.4 1 Potassium [Moles/volume] in Serum or Plasma
    2075-0 mmol/L 98 112 1 Chloride [Moles/volume] in Serum or Plasma
    2028-9 mmol/L 20 30 1 Carbon dioxide, total [Moles/volume] in Serum or Plasma
    33914-3 mL/min/{1.73_m2} 15 120 1 Glomerular filtration rate/1.73 sq M.predicted
"""
PANELS = (
    Panel(Concept(LOINC, "51990-0", "Basic Metabolic Panel"), read_measurements(_BASIC)),
    Panel(Concept(LOINC, "51990-0", "Basic metabolic panel - Blood"), read_measurements(_BASIC_BLOOD)),
    Panel(Concept(LOINC, "24321-2", "Basic metabolic 2000 panel - Serum or Plasma"), read_measurements(_BASIC_BLOOD)),
    Panel(
        Concept(LOINC, "24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"),
        read_measurements(
            _BASIC.rstrip()
            + """
    2885-2 g/dL 6 8.3 2 Protein [Mass/volume] in Serum or Plasma
    1751-7 g/dL 3.4 5.4 2 Albumin [Mass/volume] in Serum or Plasma
    10834-0 g/L 2 3.5 2 Globulin [Mass/volume] in Serum by calculation
    1975-2 mg/dL 0.1 1.2 2 Bilirubin.total [Mass/volume] in Serum or Plasma
    6768-6 U/L 20 140 2 Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma
    1742-6 U/L 7 56 2 Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma
    1920-8 U/L 10 40 2 Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma
    33914-3 mL/min/{1.73_m2} 15 120 2 Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Blood
"""
        ),
    ),
    Panel(
        Concept(LOINC, "57698-3", "Lipid Panel"),
        read_measurements("""
    2093-3 mg/dL 150 260 2 Total Cholesterol
    2571-8 mg/dL 80 220 2 Triglycerides
    18262-6 mg/dL 60 170 2 Low Density Lipoprotein Cholesterol
    2085-9 mg/dL 30 75 2 High Density Lipoprotein Cholesterol
"""),
    ),
    Panel(
        Concept(LOINC, "58410-2", "Complete blood count (hemogram) panel - Blood by Automated count"),
        read_measurements("""
    6690-2 10*3/uL 3.5 11 2 Leukocytes [#/volume] in Blood by Automated count
    789-8 10*6/uL 3.8 5.8 2 Erythrocytes [#/volume] in Blood by Automated count
    718-7 g/dL 8 17.5 2 Hemoglobin [Mass/volume] in Blood
    4544-3 % 33 51 2 Hematocrit [Volume Fraction] of Blood by Automated count
    787-2 fL 80 98 2 MCV [Entitic volume] by Automated count
    785-6 pg 27 33 2 MCH [Entitic mass] by Automated count
    786-4 g/dL 32 36 2 MCHC [Mass/volume] by Automated count
    21000-5 fL 39 46 2 Erythrocyte distribution width [Entitic volume] by Automated count
    777-3 10*3/uL 150 450 2 Platelets [#/volume] in Blood by Automated count
    32207-3 fL 150 520 2 Platelet distribution width [Entitic volume] in Blood by Automated count
    32623-1 fL 9.4 12.3 2 Platelet mean volume [Entitic volume] in Blood by Automated count
"""),
    ),
)
SINGLE_TESTS = read_measurements("""
    4548-4 % 4.5 11 2 Hemoglobin A1c/Hemoglobin.total in Blood
    33914-3 mL/min/{1.73_m2} 15 120 2 Estimated Glomerular Filtration Rate
    14959-1 mg/g 2 320 2 Microalbumin Creatinine Ratio
    2857-1 ng/mL 0.1 9 2 Prostate specific Ag [Mass/volume] in Serum or Plasma
    718-7 g/dL 8 17.5 1 Hemoglobin [Mass/volume] in Blood
    20447-9 {copies}/mL 20 90000 0 HIV 1 RNA [#/volume] (viral load) in Serum or Plasma by NAA with probe detection
    24467-3 /uL 120 1400 0 CD3+CD4+ (T4 helper) cells [#/volume] in Blood
    32465-7 {#} 0 30 0 Physical findings of Prostate
    38265-5 {T-score} -4 1 2 DXA [T-score] Bone density
    21905-5 {#} 0 3 0 Size.maximum dimension in Tumor
    44667-4 {#} 1 6 0 Number of previous pregnancies
    19926-5 % 40 95 2 FEV1/FVC
    2276-4 ug/L 5 300 1 Ferritin [Mass/volume] in Serum or Plasma
""")
CODED_FINDINGS: tuple[tuple[Concept, tuple[Concept, ...]], ...] = (
    (
        Concept(LOINC, "72166-2", "Tobacco smoking status NHIS"),
        read_concepts(SNOMED, "266919005 Never smoker\n8517006 Former smoker\n449868002 Current every day smoker"),
    ),
    (
        Concept(LOINC, "70569-9", "Plasmodium sp Ag [Identifier] in Blood by Rapid immunoassay"),
        read_concepts(SNOMED, "260373001 Detected (qualifier value)\n260415000 Not detected (qualifier value)"),
    ),
    (
        Concept(LOINC, "75622-1", "HIV 1 and 2 tests - Meaningful Use set"),
        read_concepts(SNOMED, "10828004 Positive (qualifier value)\n260385009 Negative (qualifier value)"),
    ),
    (
        Concept(LOINC, "55277-8", "HIV status"),
        read_concepts(SNOMED, "165816005 HIV positive\n165815009 HIV negative"),
    ),
    (
        Concept(LOINC, "71802-3", "Housing status"),
        read_concepts(LOINC, "LA31993-1 I have housing\nLA31994-9 I do not have housing"),
    ),
    (
        Concept(LOINC, "5767-9", "Appearance of Urine"),
        read_concepts(SNOMED, "167236000 Urine looks clear (finding)\n7766007 Cloudy urine (finding)"),
    ),
)
