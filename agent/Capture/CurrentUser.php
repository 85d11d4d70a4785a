<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use Magento\Authorization\Model\UserContextInterface;
use Magento\Backend\Model\Auth\Session as AdminSession;
use Magento\Customer\Model\CustomerRegistry;
use Magento\Customer\Model\Session as CustomerSession;
use Magento\Framework\App\Area;
use Magento\User\Model\UserFactory;
use MagentoEventBridge\Agent\ResettableInterface;

/**
 * Returns the current user: a customer, an admin user, the system's user, or null.
 */
class CurrentUser implements ResettableInterface
{
    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var CustomerSession
     */
    private $customerSession;

    /**
     * @var AdminSession
     */
    private $adminSession;

    /**
     * @var UserContextInterface
     */
    private $apiUser;

    /**
     * @var CustomerRegistry
     */
    private $customers;

    /**
     * @var UserFactory
     */
    private $adminUsers;

    /**
     * @var Impersonation
     */
    private $impersonation;

    /**
     * @var array|null
     */
    private $system;

    /**
     * The admin user of the request's token; not kept where the process goes on to other requests.
     *
     * @var array|null
     */
    private $tokenUser;

    /**
     * @param ExecutionContext $execution
     * @param CustomerSession $customerSession
     * @param AdminSession $adminSession
     * @param UserContextInterface $apiUser
     * @param CustomerRegistry $customers
     * @param UserFactory $adminUsers
     * @param Impersonation $impersonation
     */
    public function __construct(
        ExecutionContext $execution,
        CustomerSession $customerSession,
        AdminSession $adminSession,
        UserContextInterface $apiUser,
        CustomerRegistry $customers,
        UserFactory $adminUsers,
        Impersonation $impersonation
    ) {
        $this->execution = $execution;
        $this->customerSession = $customerSession;
        $this->adminSession = $adminSession;
        $this->apiUser = $apiUser;
        $this->customers = $customers;
        $this->adminUsers = $adminUsers;
        $this->impersonation = $impersonation;
    }

    /**
     * Returns the current user; null for a guest.
     */
    public function get(): ?array
    {
        if ($this->execution->isShell()) {
            return $this->systemUser();
        }
        switch ($this->execution->getArea()) {
            case Area::AREA_FRONTEND:
                return $this->customer((int)$this->customerSession->getCustomerId());
            case Area::AREA_ADMINHTML:
                $user = $this->adminSession->getUser();
                return $user === null ? null : $this->describeAdmin($user);
            case null:
                return null;
            default:
                return $this->apiUser();
        }
    }

    /**
     * @inheritdoc
     */
    public function _resetState(): void
    {
        $this->tokenUser = null;
    }

    /**
     * Returns the ID of the admin user who is logged in as the customer; null where nobody is.
     */
    public function impersonatedBy(): ?int
    {
        if ($this->execution->isShell() || $this->execution->getArea() !== Area::AREA_FRONTEND) {
            return null;
        }

        $of = $this->impersonation->of((int)$this->customerSession->getCustomerId());

        // Magento's own spelling.
        return $of ?? ((int)$this->customerSession->getData('logged_as_customer_admind_id') ?: null);
    }

    /**
     * Returns the user of a REST, SOAP or GraphQL call.
     */
    private function apiUser(): ?array
    {
        $id = (int)$this->apiUser->getUserId();
        switch ((int)$this->apiUser->getUserType()) {
            case UserContextInterface::USER_TYPE_CUSTOMER:
                return $this->customer($id);
            case UserContextInterface::USER_TYPE_ADMIN:
                return $this->adminOfToken($id);
            default:
                return null;
        }
    }

    /**
     * Returns a customer; null without an ID.
     */
    private function customer(int $id): ?array
    {
        if ($id === 0) {
            return null;
        }

        return ['id' => $id, 'email' => $this->customers->retrieve($id)->getEmail()];
    }

    /**
     * Returns the admin user of a token.
     */
    private function adminOfToken(int $id): array
    {
        if ($this->tokenUser !== null && $this->tokenUser['id'] === $id) {
            return $this->tokenUser;
        }
        $user = $this->describeAdmin($this->adminUsers->create()->load($id));
        if ($this->execution->endsWithRequest()) {
            $this->tokenUser = $user;
        }

        return $user;
    }

    /**
     * Returns the fields of an admin user that events may contain.
     *
     * @param \Magento\User\Model\User $user
     * @return array
     */
    private function describeAdmin($user): array
    {
        return [
            'id' => (int)$user->getId(),
            'username' => $user->getUserName(),
            'email' => $user->getEmail(),
        ];
    }

    /**
     * Returns the user of the operating system.
     */
    private function systemUser(): ?array
    {
        if (!function_exists('posix_getpwuid')) {
            return null;
        }
        if ($this->system === null) {
            $user = posix_getpwuid(posix_geteuid());
            if ($user === false) {
                return null;
            }
            $this->system = array_replace($user, ['passwd' => 'x']);
        }

        return $this->system;
    }
}
