package server

import (
	"slices"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"freshet/internal/auth"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A permit lets a role make a call, of the departments named or, if none are, of
// any and of none.
type permit struct {
	role        auth.Role
	departments []hydro.Department
}

// A rule says who may make a call. Nobody may who is not in it.
type rule struct {
	open    bool // to everybody, even without a credential
	permits []permit
	// concerns returns the department that a request is about, if the request says
	// so: then only that department's principals, and admins, may make it.
	concerns func(req any) hydro.Department
	// large requests are let in up to the server's limit; others up to smallRequest.
	large bool
}

// smallRequest bounds requests that only ask.
const smallRequest = 64 << 10

func one(role auth.Role, departments ...hydro.Department) permit { return permit{role, departments} }

// by are principals of a department who may say what is known of the time ahead,
// and admins.
func by(departments ...hydro.Department) []permit {
	return []permit{one(auth.Gateway, departments...), one(auth.Officer, departments...), one(auth.Briefing, departments...), one(auth.Admin)}
}

var (
	readers  = []permit{one(auth.Officer), one(auth.Briefing), one(auth.Admin)}
	anybody  = []permit{one(auth.Gateway), one(auth.Officer), one(auth.Briefing), one(auth.Admin)}
	onDuty   = []permit{one(auth.Officer), one(auth.Admin)} // a briefing's screen must not pass for somebody who watches
	operator = []permit{one(auth.Admin)}
)

// rules is who may do what. A method that is not in it is refused to everybody,
// and a test fails. docs/security.md shows it as a table, and a test compares.
var rules = map[string]rule{
	freshetv1.IngestService_StreamWeather_FullMethodName:        {permits: []permit{one(auth.Gateway, hydro.Weather)}, large: true},
	freshetv1.IngestService_StreamHydrology_FullMethodName:      {permits: []permit{one(auth.Gateway, hydro.Hydrology)}, large: true},
	freshetv1.IngestService_StreamWaterResources_FullMethodName: {permits: []permit{one(auth.Gateway, hydro.WaterResources)}, large: true},
	freshetv1.IngestService_SubmitRainForecast_FullMethodName:   {permits: by(hydro.Weather), large: true},
	freshetv1.IngestService_SubmitDispatchPlan_FullMethodName:   {permits: by(hydro.WaterResources), large: true},
	freshetv1.IngestService_SubmitTide_FullMethodName:           {permits: by(hydro.Hydrology), large: true},
	freshetv1.IngestService_CompareDays_FullMethodName:          {permits: []permit{one(auth.Gateway)}, concerns: comparisonOf},
	freshetv1.IngestService_Withdraw_FullMethodName:             {permits: by(hydro.Weather, hydro.Hydrology, hydro.WaterResources), concerns: withdrawalOf},

	freshetv1.StationService_ListStations_FullMethodName:     {permits: readers},
	freshetv1.StationService_GetLatest_FullMethodName:        {permits: readers},
	freshetv1.StationService_GetAccumulations_FullMethodName: {permits: readers},
	freshetv1.StationService_GetHistory_FullMethodName:       {permits: readers},
	freshetv1.StationService_ListConflicts_FullMethodName:    {permits: readers},
	freshetv1.StationService_ListRateRequests_FullMethodName: {permits: readers},
	freshetv1.StationService_ListBoard_FullMethodName:        {permits: readers},
	freshetv1.StationService_ListThresholds_FullMethodName:   {permits: readers},
	freshetv1.StationService_GetNetwork_FullMethodName:       {permits: readers},
	freshetv1.StationService_ListGateways_FullMethodName:     {permits: readers},

	freshetv1.ForecastService_GetForecast_FullMethodName:      {permits: readers},
	freshetv1.ForecastService_GetForecastWatch_FullMethodName: {permits: readers},
	freshetv1.ForecastService_ListForecasts_FullMethodName:    {permits: readers},
	freshetv1.ForecastService_WatchForecasts_FullMethodName:   {permits: readers},
	freshetv1.SeasonService_GetSeason_FullMethodName:          {permits: readers},
	freshetv1.RecordService_ReadInputs_FullMethodName:         {permits: operator}, // it holds what everybody wrote, and whom they called

	// Whoever may read may ask what if: nothing of it can be taken for live. What is
	// kept is forgotten by who kept it, and by admins: see DeleteScenario.
	freshetv1.ForecastService_RunScenario_FullMethodName:      {permits: readers, large: true},
	freshetv1.ForecastService_ListScenarios_FullMethodName:    {permits: readers},
	freshetv1.ForecastService_GetScenario_FullMethodName:      {permits: readers},
	freshetv1.ForecastService_DeleteScenario_FullMethodName:   {permits: readers},
	freshetv1.ForecastService_CompareScenarios_FullMethodName: {permits: readers},
	freshetv1.ForecastService_SearchRelease_FullMethodName:    {permits: readers, large: true},

	freshetv1.BriefingService_GetSituation_FullMethodName:      {permits: readers}, // without telephone numbers
	freshetv1.BriefingService_CompareSituations_FullMethodName: {permits: readers},

	freshetv1.WarningService_WatchWarnings_FullMethodName:  {permits: onDuty},
	freshetv1.WarningService_ListStages_FullMethodName:     {permits: readers},
	freshetv1.WarningService_ListBlind_FullMethodName:      {permits: readers},
	freshetv1.WarningService_ListWarnings_FullMethodName:   {permits: readers},
	freshetv1.WarningService_ListGroups_FullMethodName:     {permits: readers},
	freshetv1.WarningService_ExplainWarning_FullMethodName: {permits: readers},

	freshetv1.CalloutService_ListCalls_FullMethodName:     {permits: onDuty}, // it has people's telephone numbers
	freshetv1.CalloutService_ListUnreached_FullMethodName: {permits: onDuty},
	freshetv1.CalloutService_RecordAttempt_FullMethodName: {permits: onDuty},
	freshetv1.CalloutService_ConfirmCall_FullMethodName:   {permits: onDuty},

	// Of which department somebody must be to declare or to tick is the plan's to say.
	freshetv1.PlanService_ListResponses_FullMethodName: {permits: readers},
	freshetv1.PlanService_Declare_FullMethodName:       {permits: readers},
	freshetv1.PlanService_StandDown_FullMethodName:     {permits: readers},
	freshetv1.PlanService_UpdateMeasure_FullMethodName: {permits: readers},

	freshetv1.CapService_ListMessages_FullMethodName:      {permits: readers},
	freshetv1.CapService_Approve_FullMethodName:           {permits: onDuty},
	freshetv1.CapService_Reject_FullMethodName:            {permits: onDuty},
	freshetv1.DutyService_ListAlarms_FullMethodName:       {permits: readers},
	freshetv1.DutyService_ListDutyEvents_FullMethodName:   {permits: readers},
	freshetv1.DutyService_Acknowledge_FullMethodName:      {permits: onDuty},
	freshetv1.DutyService_Shelve_FullMethodName:           {permits: onDuty},
	freshetv1.DutyService_Unshelve_FullMethodName:         {permits: onDuty},
	freshetv1.DutyService_TakeOutOfService_FullMethodName: {permits: onDuty}, // and see mayPutOut
	freshetv1.DutyService_ReturnToService_FullMethodName:  {permits: onDuty},

	freshetv1.ClockService_AdvanceClock_FullMethodName: {permits: operator},
	freshetv1.ClockService_GetClock_FullMethodName:     {permits: operator},

	healthv1.Health_Check_FullMethodName: {open: true}, // probes of machines have no token
	healthv1.Health_List_FullMethodName:  {permits: anybody},
	healthv1.Health_Watch_FullMethodName: {permits: anybody},

	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      {permits: anybody},
	reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: {permits: anybody},
}

// Rules of what HTTP serves beside the calls above.
var (
	webFeed      = rules[freshetv1.WarningService_WatchWarnings_FullMethodName]
	webSheet     = rules[freshetv1.PlanService_ListResponses_FullMethodName]
	webPages     = rule{permits: anybody} // the index and the description of the interface
	webMetrics   = rule{permits: readers}
	webCAP       = rule{permits: anybody} // messages that are out; drafts are not there
	webSession   = rule{permits: readers} // who may sign in at a browser
	webForecasts = rules[freshetv1.ForecastService_GetForecast_FullMethodName]
)

func withdrawalOf(req any) hydro.Department {
	switch m, _ := req.(*freshetv1.WithdrawRequest); {
	case m.GetReservoir() != "":
		return hydro.WaterResources
	case m.GetStation() != "":
		return hydro.Hydrology
	}
	return hydro.Weather
}

func comparisonOf(req any) hydro.Department {
	m, _ := req.(*freshetv1.CompareDaysRequest)
	d, _ := wire.ToDepartment(m.GetDepartment()) // none of an unspecified one: nobody's
	return d
}

// allows reports whether p may make the call; req is nil if it is not known yet.
func (r *rule) allows(p *auth.Principal, req any) bool {
	for _, v := range r.permits {
		if v.role != p.Role || len(v.departments) > 0 && !slices.Contains(v.departments, p.Department) {
			continue
		}
		return r.concerns == nil || req == nil || p.Role == auth.Admin || r.concerns(req) == p.Department
	}
	return false
}
