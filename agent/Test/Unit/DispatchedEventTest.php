<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use MagentoEventBridge\Agent\Plugin\CaptureAdminToken;
use MagentoEventBridge\Agent\Plugin\CaptureCustomerLogout;
use MagentoEventBridge\Agent\Plugin\CaptureRefusedCustomer;
use MagentoEventBridge\Agent\Snapshot\CacheFlush;
use MagentoEventBridge\Agent\Snapshot\CronJob;
use MagentoEventBridge\Agent\Snapshot\Customer;
use MagentoEventBridge\Agent\Snapshot\NewCustomer;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;
use MagentoEventBridge\Agent\Test\Doubles\CronSchedules;
use MagentoEventBridge\Agent\Test\Doubles\Locks;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Watcher\AdminToken;
use MagentoEventBridge\Agent\Watcher\CronRun;
use MagentoEventBridge\Agent\Watcher\DispatchedEvent;
use MagentoEventBridge\Agent\Watcher\ObservedEvents;
use MagentoEventBridge\Agent\Watcher\RefusedCustomer;
use MagentoEventBridge\Agent\Watcher\RevokedToken;
use MagentoEventBridge\Agent\Watcher\SignUp;
use Magento\Authorization\Model\UserContextInterface;
use Magento\Cron\Model\ConfigInterface;
use Magento\Cron\Model\ResourceModel\Schedule as Schedules;
use Magento\Cron\Model\Schedule;
use Magento\Customer\Api\CustomerRepositoryInterface;
use Magento\Customer\Model\Session;
use Magento\Framework\DataObject;
use Magento\Framework\Exception\LocalizedException;
use Magento\Framework\FlagManager;
use Magento\Framework\Message\ManagerInterface;
use Magento\Integration\Api\CustomerTokenServiceInterface;
use Magento\TwoFactorAuth\Api\AdminTokenServiceInterface;
use Magento\User\Model\UserFactory;
use PHPUnit\Framework\TestCase;

class DispatchedEventTest extends TestCase
{
    private const LOGIN = 'controller_action_postdispatch_customer_account_loginpost';
    private const ROUTE = 'controller_action_predispatch_customer';
    private const RESPONSE = 'controller_front_send_response_before';

    /**
     * @var Shop
     */
    private $shop;

    /**
     * @var Session
     */
    private $session;

    /**
     * @var Locks
     */
    private $locks;

    /**
     * @var FlagManager
     */
    private $flags;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
        $this->session = new Session();
        $this->locks = new Locks();
        $this->flags = new FlagManager();
    }

    public function testAFlushedCacheIsSentFromACommandToo(): void
    {
        $this->shop->state->area = null;
        $this->shop->watchers['adminhtml_cache_flush_all'] = $this->happening(new CacheFlush());
        $this->shop->dispatch('adminhtml_cache_flush_all');
        $written = $this->shop->database->written()[0];

        self::assertSame(['cache', null, 0], [$written['subject'], $written['area'], $written['store_id']]);
    }

    public function testARefusedLoginIsSentInTheWordsOfItsOwnMessages(): void
    {
        $messages = $this->messages(['old text' => null]);
        $this->refusedCustomer($messages);
        $request = $this->request('customer_account_loginPost');
        $this->shop->dispatch(self::ROUTE, ['request' => $request]);
        $this->shop->dispatch(self::LOGIN, ['request' => $request]);
        self::assertSame([], $this->shop->database->written());

        $this->shop->dispatch(self::ROUTE, ['request' => $request]);
        $messages->add('plain text', 'default_message_identifier');
        $messages->add(null, 'confirmAccountErrorMessage');
        $this->shop->dispatch(self::LOGIN, ['request' => $request]);
        $written = $this->shop->database->written();

        self::assertCount(1, $written);
        self::assertSame(
            ['username' => 'a@example.com', 'messages' => ['plain text', 'confirmAccountErrorMessage']],
            $written[0]['snapshot']
        );
    }

    /**
     * The cart could not be loaded after the login: the shopper sees an error, but is logged in.
     */
    public function testALoginThatSucceededIsNoRefusalWhateverErrorsFollow(): void
    {
        $messages = $this->messages([]);
        $this->refusedCustomer($messages);
        $request = $this->request('customer_account_loginPost');
        $this->shop->dispatch(self::ROUTE, ['request' => $request]);
        $messages->add('Load customer quote error', null);
        $this->session->isLoggedIn = true;
        $this->shop->dispatch(self::LOGIN, ['request' => $request]);

        self::assertSame([], $this->shop->database->written());
    }

    /**
     * A captcha's observer adds its message and keeps the controller, and what follows it, from being called.
     */
    public function testALoginThatACaptchaStopsIsSent(): void
    {
        $messages = $this->messages(['old text' => null]);
        $this->refusedCustomer($messages);
        $request = $this->request('customer_account_loginPost');
        $this->shop->dispatch(self::ROUTE, ['request' => $request]);
        $messages->add('Incorrect CAPTCHA', null);
        $this->shop->dispatch(self::RESPONSE, ['request' => $request, 'response' => new DataObject()]);
        $this->shop->dispatch(self::RESPONSE, ['request' => $request, 'response' => new DataObject()]);
        $written = $this->shop->database->written();

        self::assertSame([self::LOGIN], array_column($written, 'event'));
        self::assertSame(['Incorrect CAPTCHA'], $written[0]['snapshot']['messages']);
    }

    public function testAPageOfTheCustomerIsNoRefusal(): void
    {
        $messages = $this->messages([]);
        $this->refusedCustomer($messages);
        $request = $this->request('customer_account_index');
        $this->shop->dispatch(self::ROUTE, ['request' => $request]);
        $messages->add('Something went wrong', null);
        $this->shop->dispatch(self::RESPONSE, ['request' => $request, 'response' => new DataObject()]);

        self::assertSame([], $this->shop->database->written());
    }

    /**
     * @testWith [true, "{\"errors\":true,\"message\":\"Incorrect CAPTCHA\"}", ["Incorrect CAPTCHA"]]
     *           [false, "{\"errors\":true,\"message\":\"Invalid login or password.\"}", ["No."]]
     *           [true, "{\"errors\":false,\"message\":\"Login successful.\"}", null]
     *           [true, "<html>", null]
     */
    public function testTheLoginInThePopUpIsSentOnce(bool $isStopped, string $answer, ?array $messages): void
    {
        $watcher = $this->refusedCustomer($this->messages([]));
        $request = $this->request('customer_ajax_login');
        $this->shop->dispatch(self::ROUTE, ['request' => $request]);
        if (!$isStopped) {
            $watcher->loginRefused('plugin:customer_account.authenticate', 'a@example.com', 'No.');
        }
        $response = new DataObject(['body' => $answer]);
        $this->shop->dispatch(self::RESPONSE, ['request' => $request, 'response' => $response]);
        $written = $this->shop->database->written();

        self::assertSame($messages === null ? [] : [$messages], array_map(function (array $capture): array {
            return $capture['snapshot']['messages'];
        }, $written));
        self::assertSame($messages === null ? [] : ['customer/a@example.com'], array_column($written, 'subject'));
    }

    /**
     * A call to "rest/all" has the store view 0, as the admin has; but an admin's own forms are no sign-ups.
     */
    public function testARefusalOutsideAStoreViewIsSentButNoneOfTheAdmin(): void
    {
        $watcher = $this->refusedCustomer($this->messages([]));
        foreach (['webapi_rest', 'adminhtml'] as $area) {
            $this->shop->state->area = $area;
            $watcher->loginRefused('plugin:customer_account.authenticate', 'a@example.com', 'No.');
        }

        self::assertSame(['webapi_rest'], array_column($this->shop->database->written(), 'area'));
    }

    public function testWhatAGraphQlResolverRefusesIsSentOnce(): void
    {
        $watcher = $this->refusedCustomer($this->messages([]));
        $plugin = $this->plugin($watcher);
        $this->shop->state->area = 'graphql';
        $refuse = function () use ($plugin): void {
            throw new LocalizedException('Specify the "password" value.');
        };
        $refuseInService = function () use ($plugin): void {
            $plugin->aroundCreateCustomerAccessToken(null, function (): void {
                throw new LocalizedException('Wrong.');
            }, 'a@example.com', 'x');
        };
        $fail = function (): void {
            throw new \RuntimeException('SQLSTATE');
        };
        $login = [null, null, null, null, ['email' => 'a@example.com', 'password' => 'secret']];
        $signUp = [null, null, null, null, ['input' => ['email' => 'b@example.com', 'firstname' => 'B']]];
        foreach ([[$refuse, $login], [$refuseInService, $login], [$refuse, $signUp], [$fail, $signUp]] as $call) {
            try {
                $plugin->aroundResolve(null, $call[0], ...$call[1]);
                self::fail('nothing was thrown');
            } catch (LocalizedException | \RuntimeException $exception) {
                continue;
            }
        }
        self::assertSame(5, $plugin->aroundResolve(null, function (): int {
            return 5;
        }, ...$login));
        $written = $this->shop->database->written();

        self::assertSame(
            ['Specify the "password" value.', 'Wrong.', 'Specify the "password" value.', 'Internal server error'],
            array_merge(...array_column(array_column($written, 'snapshot'), 'messages'))
        );
        self::assertSame(
            ['customer/a@example.com', 'customer/a@example.com', 'customer/b@example.com', 'customer/b@example.com'],
            array_column($written, 'subject')
        );
        self::assertStringNotContainsString('secret', json_encode($written));
    }

    public function testALogoutByTokenIsSentIfItIsTheCustomersOwn(): void
    {
        $user = new class extends DataObject implements UserContextInterface {
            public function __construct()
            {
                parent::__construct(['user_type' => 3, 'user_id' => 5]);
            }
        };
        $customers = new class implements CustomerRepositoryInterface {
            public function getById($id)
            {
                return new DataObject(['id' => $id, 'email' => 'a@example.com', 'store_id' => 0]);
            }
        };
        $tokens = new class implements CustomerTokenServiceInterface {
        };
        $token = new RevokedToken($this->happening(new Customer()), $user, $customers);
        $plugin = new CaptureCustomerLogout($this->shop->gateTo([RevokedToken::class => $token]));
        self::assertTrue($plugin->afterRevokeCustomerAccessToken($tokens, true, '5'));
        $plugin->afterRevokeCustomerAccessToken($tokens, true, 6);
        $plugin->afterRevokeCustomerAccessToken($tokens, false, 5);
        $written = $this->shop->database->written();

        self::assertSame(['plugin:customer_token.revoke'], array_column($written, 'event'));
        // The customer has no store view of its own: that of the request counts.
        self::assertSame([3], array_column($written, 'store_id'));
    }

    /**
     * A two-factor service calls Magento's own, which checks name and password only.
     */
    public function testATokenOfAnAdminUserIsALoginAfterTheLastFactor(): void
    {
        $tokens = new AdminToken(new UserFactory(), $this->shop->recorder);
        $plugin = new CaptureAdminToken($this->shop->gateTo([AdminToken::class => $tokens]));
        $firstFactor = new class implements AdminTokenServiceInterface {
        };
        $accept = function (): string {
            return 'token';
        };
        $refuse = function (): void {
            throw new LocalizedException('Wrong.');
        };
        $inner = function (callable $do, ?callable $then = null) use ($plugin): callable {
            return function () use ($plugin, $do, $then) {
                $token = $plugin->aroundCreateAdminAccessToken(new DataObject(), $do, 'admin', 'secret');

                return $then === null ? $token : $then();
            };
        };
        $calls = [
            'password' => ['aroundCreateAdminAccessToken', new DataObject(), $accept, 'created'],
            'wrong password' => ['aroundCreateAdminAccessToken', new DataObject(), $refuse, 'refused'],
            'code' => ['aroundCreateAdminAccessToken', new DataObject(), $inner($accept), 'created'],
            'wrong code' => ['aroundCreateAdminAccessToken', new DataObject(), $inner($accept, $refuse), 'refused'],
            'before code' => ['aroundCreateAdminAccessToken', $firstFactor, $inner($accept, $refuse), null],
            'wrong before code' => ['aroundCreateAdminAccessToken', $firstFactor, $inner($refuse), 'refused'],
            'code asked' => ['aroundSendToken', new DataObject(), $inner($accept), null],
            'code not sent' => ['aroundGetAuthenticateData', new DataObject(), $inner($accept, $refuse), null],
            'key' => ['aroundGetAuthenticationData', new DataObject(), $inner($refuse), 'refused'],
            'Authy' => ['aroundCreateAdminAccessTokenWithCredentials', new DataObject(), $inner($accept), 'created'],
            'one touch' => ['aroundCreatAdminAccessTokenWithOneTouch', new DataObject(), $inner($accept), 'created'],
        ];
        foreach ($calls as $name => list($method, $subject, $service, $expected)) {
            try {
                self::assertSame('token', $plugin->$method($subject, $service, 'admin', 'secret'), $name);
            } catch (LocalizedException $exception) {
                self::assertNotSame('created', $expected, $name);
            }
            $written = $this->shop->database->written();
            $events = ['created' => ['plugin:admin_token.create'], 'refused' => ['plugin:admin_token.refuse']];
            self::assertSame($events[$expected] ?? [], array_column($written, 'event'), $name);
            self::assertStringNotContainsString('secret', json_encode($written));
        }
    }

    /**
     * Magento marks killed jobs by SQL: without a message, or as timed out, and then deletes the oldest. Several processes
     * have seen them running.
     */
    public function testACronJobThatMagentoGivesUpIsSentOnce(): void
    {
        $this->shop->state->area = 'crontab';
        $rows = [
            1 => ['schedule_id' => '1', 'status' => 'error', 'messages' => 'Time out'],
            2 => ['schedule_id' => '2', 'status' => 'error', 'messages' => null],
            3 => ['schedule_id' => '3', 'status' => 'error', 'messages' => 'it failed by itself'],
            4 => ['schedule_id' => '4', 'status' => 'running', 'messages' => null],
            5 => ['schedule_id' => '5', 'status' => 'success', 'messages' => null],
        ];
        $processes = [$this->cronRuns($rows), $this->cronRuns($rows), $this->cronRuns($rows)];
        $running = array_fill_keys([1, 2, 3, 4, 5, 7], ['job_code' => 'clean', 'is_overdue' => '0']);
        $running[6] = ['job_code' => 'clean', 'is_overdue' => '1'];
        $processes[0]->restarted($running);
        foreach ($processes as $runs) {
            $runs->timedOut($running);
        }
        $processes[1]->restarted($running);
        $snapshots = array_column($this->shop->database->written(), 'snapshot');

        self::assertSame([null, 'Time out', 'Time out'], array_column($snapshots, 'messages'));
        self::assertSame(['error', 'error', 'error'], array_column($snapshots, 'status'));
        self::assertSame(['default', 'default', 'default'], array_column($snapshots, 'group_id'));
        self::assertSame([], $this->locks->locked);
        self::assertSame([1, 2, 6], $this->givenUp());
    }

    public function testWhichCronJobsWereGivenUpIsRememberedForAWeek(): void
    {
        $this->shop->state->area = 'crontab';
        $this->flags->saved['eventbridge_agent_cron'] = [1 => time() - 60, 8 => time() - 700000];
        $timedOut = ['status' => 'error', 'messages' => 'Time out'];
        $runs = $this->cronRuns([1 => ['schedule_id' => '1'] + $timedOut, 2 => ['schedule_id' => '2'] + $timedOut]);
        $runs->timedOut(array_fill_keys([1, 2], ['job_code' => 'clean', 'is_overdue' => '0']));

        self::assertCount(1, $this->shop->database->written());
        self::assertSame([1, 2], $this->givenUp());
    }

    private function givenUp(): array
    {
        $ids = array_keys($this->flags->saved['eventbridge_agent_cron']);
        sort($ids);

        return $ids;
    }

    /**
     * The process releases the job's lock before it saves how the job ended; another process that gets the lock then
     * marks the job as given up.
     */
    public function testACronJobThatIsAboutToBeSavedAsFinishedIsNotGivenUp(): void
    {
        $this->shop->state->area = 'crontab';
        $runs = $this->cronRuns(
            [1 => ['schedule_id' => '1', 'status' => 'error', 'messages' => null]],
            [1 => ['schedule_id' => '1', 'status' => 'success', 'messages' => null]]
        );
        $runs->restarted([1 => ['job_code' => 'clean', 'is_overdue' => '0']]);

        self::assertSame([], $this->shop->database->written());
    }

    /**
     * Its class is missing, for example. Magento saves it as running, with the reason.
     */
    public function testACronJobThatCannotStartHasFailed(): void
    {
        $this->shop->state->area = 'crontab';
        $schedule = ['id' => 1, 'job_code' => 'clean', 'status' => 'running', 'messages' => 'Class does not exist'];
        $this->cronRuns()->saved(new Schedule($schedule));
        $written = $this->shop->database->written();

        self::assertSame(['plugin:cron_schedule.save'], array_column($written, 'event'));
        self::assertSame(['error', 'Class does not exist'], [
            $written[0]['snapshot']['status'],
            $written[0]['snapshot']['messages'],
        ]);
    }

    public function testACronJobThatSavesItsProgressGoesOn(): void
    {
        $this->shop->state->area = 'crontab';
        $runs = $this->cronRuns();
        $schedule = ['id' => 1, 'job_code' => 'clean', 'status' => 'running'];
        $runs->saved(new Schedule($schedule));
        $runs->saved(new Schedule($schedule + ['messages' => 'half of it']));
        $runs->saved(new Schedule(['status' => 'success', 'messages' => 'all of it'] + $schedule));

        $statuses = array_column(array_column($this->shop->database->written(), 'snapshot'), 'status');
        self::assertSame(['running', 'success'], $statuses);
    }

    /**
     * A process that only saw the job running, and then runs it for its next schedule.
     */
    public function testOnlyTheProcessThatStartsAKilledJobAgainCapturesThatItWasGivenUp(): void
    {
        $this->shop->state->area = 'crontab';
        $rows = [1 => ['schedule_id' => '1', 'status' => 'error', 'messages' => null]];
        $runs = $this->cronRuns($rows);
        $runs->saved(new Schedule(['id' => 3, 'job_code' => 'clean', 'status' => 'running']));
        $runs->saved(new Schedule(['id' => 3, 'job_code' => 'clean', 'status' => 'success']));
        $this->shop->database->written();
        $runs->timedOut([1 => ['job_code' => 'clean', 'is_overdue' => '0']]);

        self::assertSame([], $this->shop->database->written());
    }

    /**
     * The process that has the lock may hang.
     */
    public function testATimedOutCronJobIsSentThoughTheLockIsTaken(): void
    {
        $this->shop->state->area = 'crontab';
        $runs = $this->cronRuns([1 => ['schedule_id' => '1', 'status' => 'error', 'messages' => 'Time out']]);
        $this->locks->isTaken = true;
        $runs->timedOut([1 => ['job_code' => 'clean', 'is_overdue' => '0']]);

        self::assertCount(1, $this->shop->database->written());
    }

    public function testARefusedTokenIsSentAndTheExceptionGoesOn(): void
    {
        $plugin = $this->plugin($this->refusedCustomer($this->messages([])));
        $refuse = function (): void {
            throw new LocalizedException('The account sign-in was incorrect.');
        };
        foreach (['aroundCreateCustomerAccessToken', 'aroundAuthenticate'] as $method) {
            $this->shop->state->area = 'graphql';
            try {
                $plugin->$method(null, $refuse, 'a@example.com', 'secret');
                self::fail('nothing was thrown');
            } catch (LocalizedException $exception) {
                self::assertSame('The account sign-in was incorrect.', $exception->getMessage());
            }
        }
        $written = $this->shop->database->written();

        self::assertSame(['plugin:customer_account.authenticate'], array_column($written, 'event'));
        self::assertStringNotContainsString('secret', json_encode($written));
    }

    /**
     * Magento 2.4 saves a job as running and then dispatches its event; 2.3 has no such event.
     *
     * @testWith [true]
     *           [false]
     */
    public function testACronJobIsSentAtItsStartAndItsEnd(bool $isDispatched): void
    {
        $this->shop->state->area = 'crontab';
        $runs = $this->cronRuns();
        $this->shop->watchers['cron_job_run'] = $runs;
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'pending']));
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'running']));
        if ($isDispatched) {
            $this->shop->dispatch('cron_job_run', ['job_name' => 'cron/default/clean']);
        }
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'error', 'messages' => 'it broke']));
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'missed']));
        $written = $this->shop->database->written();
        $snapshots = array_column($written, 'snapshot');

        self::assertSame(
            ['cron_job_run', 'plugin:cron_schedule.save', 'plugin:cron_schedule.save'],
            array_column($written, 'event')
        );
        self::assertSame(['running', 'error', 'missed'], array_column($snapshots, 'status'));
        self::assertSame([null, 'it broke', null], array_column($snapshots, 'messages'));
        self::assertSame(['default', 'default', 'default'], array_column($snapshots, 'group_id'));
        self::assertSame(['name' => 'clean', 'schedule' => '* * * * *'], $snapshots[0]['job_config']);
        self::assertIsNumeric($snapshots[1]['duration']);
        self::assertNull($snapshots[2]['duration']);
    }

    private function happening(SnapshotInterface $snapshots): DispatchedEvent
    {
        return new DispatchedEvent($snapshots, $this->shop->recorder);
    }

    private function refusedCustomer(ManagerInterface $messages): RefusedCustomer
    {
        $watcher = new RefusedCustomer(
            $messages,
            $this->session,
            $this->shop->execution,
            $this->shop->recorder,
            new ObservedEvents($this->shop->observers)
        );
        $this->shop->watchers[self::ROUTE] = $watcher;
        $this->shop->watchers[self::LOGIN] = $watcher;
        $this->shop->watchers[self::RESPONSE] = $watcher;

        return $watcher;
    }

    private function cronRuns(array $rows = [], array $later = []): CronRun
    {
        $schedules = new Schedules();
        $schedules->connection = new CronSchedules($rows, $later);
        $config = new class implements ConfigInterface {
            public function getJobs()
            {
                return ['default' => ['clean' => ['name' => 'clean', 'schedule' => '* * * * *', 'odd' => []]]];
            }
        };

        return new CronRun(
            new CronJob($config),
            $this->shop->recorder,
            $schedules,
            $this->locks,
            $this->flags,
            0.0
        );
    }

    private function plugin(RefusedCustomer $watcher): CaptureRefusedCustomer
    {
        $signUps = new SignUp(
            new NewCustomer(new Customer()),
            $this->shop->states,
            $this->shop->execution,
            $this->shop->recorder
        );

        $gate = $this->shop->gateTo([RefusedCustomer::class => $watcher, SignUp::class => $signUps]);

        return new CaptureRefusedCustomer($gate);
    }

    private function request(string $action): DataObject
    {
        $login = ['username' => 'a@example.com', 'password' => 'secret'];

        return new class ($action, $login) extends DataObject {
            public function __construct(string $action, array $login)
            {
                parent::__construct(['full_action_name' => $action, 'login' => $login, 'content' => json_encode($login)]);
            }

            public function getParam($name)
            {
                return $this->getData($name);
            }
        };
    }

    private function messages(array $texts): ManagerInterface
    {
        $messages = new class implements ManagerInterface {
            private $errors = [];

            public function add(?string $text, ?string $identifier): void
            {
                $this->errors[] = new DataObject(['text' => $text, 'identifier' => $identifier]);
            }

            public function getMessages()
            {
                return new DataObject(['errors' => $this->errors]);
            }
        };
        foreach ($texts as $text => $identifier) {
            $messages->add($text, $identifier);
        }

        return $messages;
    }
}
