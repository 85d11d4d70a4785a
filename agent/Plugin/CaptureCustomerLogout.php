<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Integration\Api\CustomerTokenServiceInterface;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Watcher\RevokedToken;

/**
 * Captures that a customer logged out by revoking the token, by REST or GraphQL: Magento dispatches no event.
 */
class CaptureCustomerLogout
{
    private const REVOKED = 'plugin:customer_token.revoke';

    /**
     * @var Gate
     */
    private $gate;

    /**
     * @param Gate $gate
     */
    public function __construct(Gate $gate)
    {
        $this->gate = $gate;
    }

    /**
     * Captures a logout if a token was revoked.
     *
     * @param CustomerTokenServiceInterface $subject
     * @param bool $result
     * @param int|string $customerId
     * @return bool
     */
    public function afterRevokeCustomerAccessToken(CustomerTokenServiceInterface $subject, $result, $customerId)
    {
        if ($result) {
            $this->gate->run(self::REVOKED, RevokedToken::class, function (RevokedToken $token) use ($customerId): void {
                $token->revoked((int)$customerId);
            });
        }

        return $result;
    }
}
